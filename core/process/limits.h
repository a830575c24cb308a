/* limits - process-wide signals and resource limits, and what they allow: how many workers, how
 * large socket buffers. [main] */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct json;

/* Disables core files, which would contain secrets. Call this before any secret is read. */
void limits_forbid_core(void);
/* Ignores SIGPIPE, installs the crash handler, has fatal errors of libev logged, raises the soft
 * limit of descriptors to the hard one, and has the kernel prepare for as many. Call this before
 * there is another thread. */
void limits_set_up_process(void);
/* Returns the number of workers to start: `asked`, or one per CPU if it is 0, reduced to what the
 * descriptor limit allows. */
unsigned limits_choose_workers(int64_t asked);
/* May the process have at least this many descriptors? If not, the process cannot do its work, and
 * an error on standard error says that `who` need them. */
bool limits_suffice(unsigned least, const char *who);
/* Warns if the process may have fewer descriptors than the configuration needs. visitors: for how
 * many visitors the descriptors are enough. */
void limits_check_descriptors(unsigned needed, unsigned visitors);
/* Warns if the kernel grants smaller socket buffers than these sizes in bytes. section: the object
 * of the configuration that has given them as sndbuf and recbuf. */
void limits_check_buffers(const struct json *section, int64_t send, int64_t receive);

#endif
