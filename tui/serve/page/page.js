"use strict";
document.getElementById("again").addEventListener("click", () => window.location.reload());
// Keys go to the terminal without a click into it first; its field is there once the page has loaded.
const focus = () => document.querySelector(".xterm-helper-textarea")?.focus();
window.addEventListener("load", focus);
window.addEventListener("focus", focus);
