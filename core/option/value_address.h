/* value_address - IP addresses, prefixes and sets of ports. [main] */
#ifndef CORE_VALUE_ADDRESS_H
#define CORE_VALUE_ADDRESS_H

#include <spore/option.h>

#include "option/scope.h"

/* Each reads `node` into `out`. False after adding the mistake to the diag. */
bool value_read_cidr(const struct option_scope *scope, const struct json *node, spore_cidr *out);
/* An address with a port for SPORE_OPT_ADDR, without one for SPORE_OPT_IP. */
bool value_read_address(const struct option_scope *scope, const spore_option *row,
                        const struct json *node, spore_addr *out);
/* A list of spore_port_range, in the document's memory. */
bool value_read_ports(const struct option_scope *scope, const struct json *node, spore_list *out);

#endif
