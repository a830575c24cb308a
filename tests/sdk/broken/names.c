/* Exported names that the libraries of the host define, too. */
#include "broken.h"

#define EXPORT __attribute__((visibility("default")))

/* The math library's takes and returns a double. */
#ifdef CASE_has_its_own_log
EXPORT const char *log(const char *text);

const char *log(const char *text)
{
	return text;
}

ON_VERIFY()
{
	BROKEN_LOG(state, "%s", log("its own log was called"));
	return SPORE_DENY;
}
#endif

#ifdef CASE_has_its_own_libraries
#define STUB(name)                                                                                 \
	EXPORT int name(void);                                                                     \
	int name(void)                                                                             \
	{                                                                                          \
		return 0;                                                                          \
	}

STUB(cJSON_Parse)
STUB(ev_run)
STUB(EVP_Digest)
STUB(its_own_helper)
#endif

/* No other object defines these, so they do no harm. */
#ifdef CASE_exports_too_much
EXPORT int its_own_helper(void);
EXPORT int its_own_table[4];

int its_own_table[4] = { 1, 2, 3, 4 };

int its_own_helper(void)
{
	return its_own_table[0];
}
#endif
