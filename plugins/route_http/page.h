/* page - the response to a request for a host that no tunnel has: a page of the operator. */
#ifndef ROUTE_HTTP_PAGE_H
#define ROUTE_HTTP_PAGE_H

#include <spore/base.h>

enum { PAGE_MAX = 65536 }; /* bytes of the page */

/* Makes a complete HTTP/1.1 response with the status 404, whose body is the page in HTML. The
 * caller frees out->ptr. 0: out of memory. */
int page_make(spore_str page, spore_str *out);

#endif
