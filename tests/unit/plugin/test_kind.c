#include "plugin/kind.h"

#include <spore/acl.h>
#include <spore/auth.h>
#include <spore/route.h>
#include <spore/transport.h>
#include <string.h>

#include "suite.h"

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return SPORE_DENY;
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return SPORE_EUNSUPPORTED;
}

static int32_t check(void *state, const spore_acl_query *query, spore_acl_result *out)
{
	(void)state;
	(void)query;
	(void)out;
	return SPORE_DENY;
}

static int32_t look(void *state, const spore_route_query *query, spore_route_result *out)
{
	(void)state;
	(void)query;
	(void)out;
	return SPORE_ROUTE_NONE;
}

static uint32_t roles_of(uint32_t kind, const void *ops)
{
	const spore_component component = { .kind = kind, .ops = ops };

	return kind_roles(&component);
}

START_TEST(every_kind_has_a_row)
{
	ck_assert_str_eq(kind_name(SPORE_KIND_AUTH), "auth");
	ck_assert_str_eq(kind_name(SPORE_KIND_TRANSPORT), "transport");
	ck_assert_str_eq(kind_name(SPORE_KIND_ACL), "acl");
	ck_assert_str_eq(kind_name(SPORE_KIND_METRICS), "metrics");
	ck_assert_str_eq(kind_name(SPORE_KIND_EVENTS), "events");
	ck_assert_str_eq(kind_name(SPORE_KIND_ROUTE), "route");
	for (size_t i = 0; i < n_kind_rows; i++) {
		ck_assert_ptr_eq(kind_find(kind_rows[i].id), &kind_rows[i]);
		ck_assert_uint_ne(kind_rows[i].roles, 0);
		for (size_t j = 0; j < KIND_MAX_SLOTS && kind_rows[i].slots[j].name; j++)
			ck_assert_uint_eq(kind_rows[i].slots[j].roles & ~kind_rows[i].roles, 0);
	}
}
END_TEST

START_TEST(other_numbers_are_unknown)
{
	ck_assert_ptr_null(kind_find(0));
	ck_assert_ptr_null(kind_find(77));
	ck_assert_str_eq(kind_name(77), "unknown");
	ck_assert_uint_eq(roles_of(77, NULL), 0);
	ck_assert(!kind_has_flag(&(spore_component){ .kind = 77 }));
}
END_TEST

START_TEST(a_component_serves_the_roles_whose_slots_it_has)
{
	spore_auth_ops auth = { .struct_size = sizeof auth };
	const spore_acl_ops acl = { .struct_size = sizeof acl, .check = check };
	const spore_transport_ops transport = { .struct_size = sizeof transport };
	spore_route_ops route = { .struct_size = sizeof route };

	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, &auth), 0);
	auth.verify = verify;
	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, &auth), SPORE_ROLE_SERVER);
	auth.answer = answer;
	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, &auth), SPORE_ROLE_SERVER | SPORE_ROLE_CLIENT);
	auth.verify = NULL;
	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, &auth), SPORE_ROLE_CLIENT);
	ck_assert_uint_eq(roles_of(SPORE_KIND_ACL, &acl), SPORE_ROLE_SERVER);
	ck_assert_uint_eq(roles_of(SPORE_KIND_TRANSPORT, &transport), 0);
	ck_assert_uint_eq(roles_of(SPORE_KIND_ROUTE, &route), 0);
	route.look = look;
	ck_assert_uint_eq(roles_of(SPORE_KIND_ROUTE, &route), SPORE_ROLE_SERVER);
	ck_assert_uint_eq(roles_of(SPORE_KIND_METRICS, NULL),
	                  SPORE_ROLE_SERVER | SPORE_ROLE_CLIENT);
}
END_TEST

/* Ops of an older or wrong size: nothing behind their end may be read. */
START_TEST(a_slot_behind_the_end_of_the_ops_is_missing)
{
	spore_auth_ops auth = { .struct_size = offsetof(spore_auth_ops, answer),
		                .verify = verify,
		                .answer = answer };

	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, &auth), SPORE_ROLE_SERVER);
	auth.struct_size = 4;
	auth.flags = SPORE_AUTHF_BLOCKING;
	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, &auth), 0);
	ck_assert(!kind_has_flag(&(spore_component){ .kind = SPORE_KIND_AUTH, .ops = &auth }));
	ck_assert_uint_eq(roles_of(SPORE_KIND_AUTH, NULL), 0);
}
END_TEST

static spore_status handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	(void)stream;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

static int64_t move(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)stream;
	(void)iov;
	(void)n;
	(void)want;
	return SPORE_ECLOSED;
}

static spore_status end(spore_stream *stream, uint32_t *want)
{
	(void)stream;
	(void)want;
	return SPORE_OK;
}

static void close_stream(spore_stream *stream, uint32_t how)
{
	(void)stream;
	(void)how;
}

/* NULL: nothing is missing. */
static void check_lack(uint32_t kind, const void *ops, const char *expected)
{
	const spore_component component = { .kind = kind, .ops = ops };
	char text[64];
	const char *lack = kind_table_lack(&component, text, sizeof text);

	if (expected && lack)
		ck_assert_str_eq(lack, expected);
	ck_assert_int_eq(lack != NULL, expected != NULL);
}

START_TEST(a_transport_declares_the_operations_of_its_streams)
{
	spore_stream_ops stream = { .struct_size = sizeof stream,
		                    .handshake = handshake,
		                    .readv = move,
		                    .writev = move,
		                    .shutdown = end };
	spore_transport_ops transport = { .struct_size = sizeof transport };

	check_lack(SPORE_KIND_TRANSPORT, NULL, "stream_ops");
	check_lack(SPORE_KIND_TRANSPORT, &transport, "stream_ops");
	transport.flags = SPORE_TRANSPORTF_NO_STREAM;
	check_lack(SPORE_KIND_TRANSPORT, &transport, NULL);
	transport.stream_ops = &stream;
	check_lack(SPORE_KIND_TRANSPORT, &transport, "stream_ops.close");
	stream.close = close_stream;
	check_lack(SPORE_KIND_TRANSPORT, &transport, NULL);
	stream.struct_size = offsetof(spore_stream_ops, writev);
	check_lack(SPORE_KIND_TRANSPORT, &transport, "stream_ops.writev");
	transport.struct_size = offsetof(spore_transport_ops, stream_ops);
	transport.flags = SPORE_TRANSPORTF_SECURE;
	check_lack(SPORE_KIND_TRANSPORT, &transport, "stream_ops");
}
END_TEST

START_TEST(other_kinds_have_no_further_table)
{
	check_lack(SPORE_KIND_AUTH, NULL, NULL);
	check_lack(SPORE_KIND_METRICS, NULL, NULL);
	check_lack(77, NULL, NULL);
}
END_TEST

START_TEST(flags_are_those_of_the_kind)
{
	const spore_auth_ops blocking = { .struct_size = sizeof blocking,
		                          .flags = SPORE_AUTHF_BLOCKING };
	const spore_auth_ops other = { .struct_size = sizeof other, .flags = 2 };
	const spore_acl_ops acl = { .struct_size = sizeof acl, .flags = SPORE_ACLF_CONN };

	ck_assert(kind_has_flag(&(spore_component){ .kind = SPORE_KIND_AUTH, .ops = &blocking }));
	ck_assert(!kind_has_flag(&(spore_component){ .kind = SPORE_KIND_AUTH, .ops = &other }));
	ck_assert(kind_has_flag(&(spore_component){ .kind = SPORE_KIND_ACL, .ops = &acl }));
	ck_assert(!kind_has_flag(&(spore_component){ .kind = SPORE_KIND_METRICS, .ops = &acl }));
	ck_assert(!kind_has_flag(&(spore_component){ .kind = SPORE_KIND_AUTH }));
}
END_TEST

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	(void)state;
	*upper_out = args->lower;
	return SPORE_OK;
}

START_TEST(a_transport_that_tells_the_peer_is_for_servers)
{
	spore_transport_ops ops = { .struct_size = sizeof ops,
		                    .flags = SPORE_TRANSPORTF_NO_STREAM,
		                    .wrap = wrap };

	ck_assert_uint_eq(roles_of(SPORE_KIND_TRANSPORT, &ops),
	                  SPORE_ROLE_SERVER | SPORE_ROLE_CLIENT);
	ops.flags |= SPORE_TRANSPORTF_TELLS_PEER;
	ck_assert_uint_eq(roles_of(SPORE_KIND_TRANSPORT, &ops), SPORE_ROLE_SERVER);
}
END_TEST

SUITE("kind", every_kind_has_a_row, other_numbers_are_unknown,
      a_component_serves_the_roles_whose_slots_it_has, a_slot_behind_the_end_of_the_ops_is_missing,
      a_transport_declares_the_operations_of_its_streams, other_kinds_have_no_further_table,
      flags_are_those_of_the_kind, a_transport_that_tells_the_peer_is_for_servers)
