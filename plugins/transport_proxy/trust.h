/* trust - which addresses are those of trusted proxies. Pure. [any] */
#ifndef PROXY_TRUST_H
#define PROXY_TRUST_H

#include <spore/option.h>
#include <stdbool.h>

/* Is the address in one of the prefixes (spore_cidr)? A short IPv6 prefix such as ::/0 covers no
 * IPv4 address. */
bool trust_covers(const spore_list *prefixes, const spore_addr *addr);

#endif
