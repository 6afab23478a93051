"""The screens in a browser on this machine: a process of the app for each tab, behind a gate."""
