/* empty.c - a library with nothing in it: what loading any costs. */
extern int empty;
int empty;
