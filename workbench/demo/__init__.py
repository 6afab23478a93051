"""The demo that ships with the program: string skills, a base pretrained on them, data, plans and a recipe."""
