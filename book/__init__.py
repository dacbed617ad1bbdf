"""What turns the repository into a book: run the notebooks once, build the pages."""
