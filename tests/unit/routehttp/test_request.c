#include "request.h"

#include "routehttp/heads.h"

START_TEST(the_version_is_known_by_the_first_bytes)
{
	struct heads_bytes b = { .n = 0 };

	heads_add(&b, "PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	heads_expect(&b, "a", ""); /* a method of this name in HTTP/1 */
	b.n = 0;
	heads_add(&b, "PRI * HTTP/1.0\r\n\r\n", 18); /* shorter than the preface of HTTP/2 */
	heads_expect(&b, "", "");
}
END_TEST

SUITE("request", the_version_is_known_by_the_first_bytes)
