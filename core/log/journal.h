/* journal - whether the lines of the log go to systemd's journal. It takes the severity of a line
 * from the start of the line, and adds the time itself. [main] */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include <stdbool.h>

/* Standard error is the stream that JOURNAL_STREAM names by its device and inode. A shell or a
 * supervisor may have redirected standard error and left the variable: then this is false. */
bool journal_has_stderr(void);

#endif
