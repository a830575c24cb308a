#include "probe.h"

#include <curses.h>
#include <term.h> /* its macros have everyday names, so no other file includes it */
#include <unistd.h>

bool probe_terminal(void)
{
	int status;
	bool is_known = setupterm(NULL, STDOUT_FILENO, &status) == OK;

	return is_known && cursor_address && clear_screen;
}
