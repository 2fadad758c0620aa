/* The program's entry: which command, then into it. */
#include <stdio.h>

int
main(int argc, char **argv)
{
    (void)argv;
    fprintf(stderr, "hearth: %d arguments\n", argc - 1);
    return 2;
}
