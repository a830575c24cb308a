/* scarce - memory that runs out when the target says so: the core's malloc, calloc, realloc, strdup
 * and strndup are ours (see CMakeLists.txt). Plugins and libraries have theirs. */
#ifndef SCARCE_H
#define SCARCE_H

/* The n-th allocation from now on fails, once; 0: none. */
void scarce_memory(unsigned n);

#endif
