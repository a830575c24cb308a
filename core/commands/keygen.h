/* keygen - the subcommand `spore keygen`: a fresh secret on standard output. [main] */
#ifndef CORE_KEYGEN_H
#define CORE_KEYGEN_H

/* argv starts behind the subcommand; returns the exit status. */
int keygen_run(int argc, char **argv);

#endif
