/* addr - converts socket addresses between three forms: the SDK's value type, text and sockaddr.
 * Pure. [any] */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <spore/option.h>
#include <stdbool.h>
#include <sys/socket.h>

#define ADDR_TEXT_SIZE 80

/* An IP address without a port: "127.0.0.1", "::1", "fe80::1%2". The functions that parse
 * treat an IPv4-mapped IPv6 address, such as "::ffff:127.0.0.1", as the IPv4 address. If they
 * return false, *addr_out is undefined. */
bool addr_parse_ip(const char *text, spore_addr *addr_out);
/* "127.0.0.1:80", "[::1]:80". */
bool addr_parse(const char *text, spore_addr *addr_out);
/* A prefix: "10.0.0.0/8", "2001:db8::/32", or a single address. False in two cases: the text is
 * invalid, and the family of *cidr_out is 0; or bits after the prefix are set, and *cidr_out is the
 * prefix without these bits. */
bool addr_parse_cidr(const char *text, spore_cidr *cidr_out);
/* The address is in the prefix. A prefix of IPv6, such as "::/0", contains no IPv4 address. */
bool addr_in_cidr(const uint8_t ip[16], const spore_cidr *cidr);
/* Do the prefixes, together, contain every address of the family (4 or 6)? */
bool addr_is_family_in(int family, const spore_cidr *list, size_t n);

/* "127.0.0.1:80", "[::1]:80". An IPv4-mapped IPv6 address is written as IPv4. */
const char *addr_format(const spore_addr *addr, char out[ADDR_TEXT_SIZE]);
const char *addr_format_ip(const spore_addr *addr, char out[ADDR_TEXT_SIZE]);
enum { ADDR_LIST_TEXT_SIZE = 8 * ADDR_TEXT_SIZE };
/* The addresses of a list of spore_addr, with ", " between them; with this port, unless it is 0.
 * Those that do not fit are left out. */
const char *addr_format_list(const spore_list *list, uint16_t port, char out[ADDR_LIST_TEXT_SIZE]);
/* "10.0.0.0/8", "2001:db8::/32". */
const char *addr_format_cidr(const spore_cidr *cidr, char out[ADDR_TEXT_SIZE]);

void addr_from_sockaddr(const struct sockaddr *sa, spore_addr *addr_out);
/* Returns the length for bind or connect. */
socklen_t addr_to_sockaddr(const spore_addr *addr, struct sockaddr_storage *sa_out);
/* Does a socket that is bound to it listen at all addresses of the machine? */
bool addr_is_any(const spore_addr *addr);
/* The address of an IP socket: of family 6, or of family 4 and v4-mapped. */
bool addr_is_ip(const spore_addr *addr);
/* 127.0.0.0/8 or ::1. */
bool addr_is_loopback(const spore_addr *addr);
bool addr_equal(const spore_addr *a, const spore_addr *b);
/* The number of the IP address in a list of spore_addr, whatever the ports. list->count: it is not
 * there. */
size_t addr_find_ip(const spore_list *list, const spore_addr *addr);

#endif
