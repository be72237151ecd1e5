"""Write the completions: `python -m completions`, in the folder that holds completions/."""

from completions import write

write()
