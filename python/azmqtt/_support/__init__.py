"""What every part of the package uses: checks of arguments, waiting, threads, warnings, tables for notebooks."""
