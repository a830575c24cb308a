#include "request.h"

#include <string.h>

#include "http1.h"
#include "http2.h"

enum head_result request_read(const uint8_t *data, size_t n, struct head *out)
{
	size_t len = n < HTTP2_PREFACE_SIZE ? n : HTTP2_PREFACE_SIZE;

	*out = (struct head){ .need = 0 };
	if (n == 0)
		return head_more(out, 1);
	if (memcmp(data, HTTP2_PREFACE, len) != 0)
		return http1_read(data, n, out);
	if (len < HTTP2_PREFACE_SIZE)
		return head_more(out, n + 1); /* it may still be HTTP/1 */
	out->is_http2 = true;
	return http2_read(data, n, out);
}
