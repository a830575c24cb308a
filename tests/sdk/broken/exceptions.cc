/* Exceptions that leave a function which the host called. */
#include <cstring>
#include <spore/auth.h>
#include <stdexcept>

static spore_status create(const spore_create_args *, void **)
{
#ifdef CASE_throws_in_create
	throw std::runtime_error("nobody catches it");
#else
	return SPORE_OK;
#endif
}

static void destroy(void *)
{
}

static int32_t verify(void *, const spore_auth_request *rq, spore_ticket)
{
	static const char word[] = "break " NAME; /* CASE_throws_in_verify */

	if (rq->answer.len == sizeof word - 1 &&
	    std::memcmp(rq->answer.ptr, word, rq->answer.len) == 0)
		throw 42;
	return SPORE_NEXT;
}

static const spore_auth_ops ops = {
	sizeof ops, 0, verify, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
};
static const spore_component component = {
	sizeof component, SPORE_KIND_AUTH, NAME,    "broken", &ops,    nullptr, 0, 0, 0, 0,
	create,           destroy,         nullptr, nullptr,  nullptr,
};
SPORE_PLUGIN("auth_broken", "1.0.0", "", "MIT", "", &component);
