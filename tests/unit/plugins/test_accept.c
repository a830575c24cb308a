#include "accept.h"

#include "suite.h"

START_TEST(open_metrics_where_it_is_asked_for)
{
	static const char *const headers[] = {
		"application/openmetrics-text",
		"application/openmetrics-text; version=1.0.0; charset=utf-8",
		"Application/OpenMetrics-Text",
		" text/plain;q=0.5 , application/openmetrics-text;version=1.0.0",
		/* Similar to what Prometheus 2 and 3 send. */
		"application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1",
		"application/openmetrics-text;escaping=allow-utf-8;q=0.5,text/plain;q=0.2",
		"text/plain;q=0.5,application/openmetrics-text; q=0.5",
		"text/html,application/openmetrics-text;Q=0.001",
	};

	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		ck_assert_msg(accept_format(headers[i]) == FORMAT_OPENMETRICS, "%s", headers[i]);
}
END_TEST

START_TEST(plain_text_else)
{
	static const char *const headers[] = {
		NULL,
		"",
		"*/*",
		"text/plain",
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		"application/openmetrics-text;q=0",
		"application/openmetrics-text;q=0.3,text/plain;q=0.5",
		"application/openmetrics-textual",
		"application/openmetrics",
		"application/openmetrics-text;q=",
		"application/openmetrics-text;q=nonsense",
		",,;;,=,q=1",
		";q=1",
		";",
		",",
	};

	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		ck_assert_msg(accept_format(headers[i]) == FORMAT_PROMETHEUS, "%s",
		              headers[i] ? headers[i] : "no header");
}
END_TEST

SUITE("accept", open_metrics_where_it_is_asked_for, plain_text_else)
