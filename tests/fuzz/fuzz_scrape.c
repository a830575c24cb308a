/* fuzz_scrape - the exporter metrics_prometheus, as a crowd of visitors reaches it over loopback:
 * the plugin as it is, on a host that is just enough for it.
 *
 * The input is what visitor 0 sends, in which 0xFF, an act and its argument stand for what else
 * happens (enum act). However the crowd behaves, a scraper that comes at the end gets its page;
 * then nobody stays longer than the deadline. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spore/plugin.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept.h"
#include "fuzz.h"
#include "net/addr.h"
#include "render.h"

enum act { SWITCH, RUN, PASS, HALF_CLOSE, LEAVE, CROWD, STAY_QUIET, LITERAL, ACTS };
enum { ESCAPE = 0xFF, VISITORS = 44, SCRAPER = VISITORS, SOURCES = 5 };
enum { MOST_TURNS = 20000, MOST_TRIES = 20000, DEADLINE_MS = 10000, TICK_MS = 1000 };
enum { PORT = 9568, MAX_HEARD = 16 * 1024 };

struct visitor {
	int fd; /* 0: none */
	bool connected, ended, reset, quiet;
	char *sent, *heard; /* owned */
	size_t n_sent, n_heard;
};

static struct visitor visitors[VISITORS + 1];
static spore_addr address; /* of this process alone, so that many may run */

/* ---- the host ---- */

struct timer {
	void (*on_timer)(void *arg);
	void *arg;
	int64_t due, repeat;
};

struct watcher {
	int fd;
	void (*on_ready)(void *arg, uint32_t events);
	void *arg;
};

static struct timer timers[4]; /* a handle is the index + 1 */
static struct watcher io;      /* its handle is 1 */
static int64_t now = 1000000;
static int listen_fd;
static bool ready;

static int64_t now_ms(void)
{
	return now;
}

static spore_status timer_start(spore_worker *worker, int64_t after, int64_t repeat,
                                void (*on_timer)(void *arg), void *arg, spore_timer *out)
{
	struct timer *timer = timers;

	(void)worker;
	while (timer->on_timer)
		timer++;
	FUZZ_CHECK(timer < timers + sizeof timers / sizeof *timers);
	*timer = (struct timer){ on_timer, arg, now + after, repeat };
	out->id = (uint64_t)(timer - timers) + 1;
	return SPORE_OK;
}

static spore_status timer_stop(spore_timer timer)
{
	if (timer.id)
		timers[timer.id - 1] = (struct timer){ 0 };
	return SPORE_OK;
}

static spore_status io_start(spore_worker *worker, int fd, uint32_t events,
                             void (*on_ready)(void *arg, uint32_t events), void *arg, spore_io *out)
{
	(void)worker;
	FUZZ_CHECK(!io.on_ready && events == SPORE_READ);
	io = (struct watcher){ fd, on_ready, arg };
	out->id = 1;
	return SPORE_OK;
}

static spore_status io_stop(spore_io stopped)
{
	FUZZ_CHECK(stopped.id == 1);
	io = (struct watcher){ 0 };
	return SPORE_OK;
}

static spore_status listener_get(spore_ctx *ctx, const spore_addr *wanted, int *fd_out)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(wanted, &sa);
	int yes = 1;

	(void)ctx;
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(listen_fd >= 0);
	FUZZ_CHECK(setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
	FUZZ_CHECK(bind(listen_fd, (void *)&sa, len) == 0 && listen(listen_fd, 128) == 0);
	*fd_out = listen_fd;
	return SPORE_OK;
}

static void visit_metrics(const spore_metric_visitor *v, void *arg)
{
	static const spore_metric_spec counter = { .struct_size = sizeof counter,
		                                   .type = SPORE_METRIC_COUNTER,
		                                   .name = "spore_bytes_total",
		                                   .help = "of \"all\"\nbytes \\",
		                                   .unit = "bytes" };
	static const spore_metric_spec histogram = { .struct_size = sizeof histogram,
		                                     .type = SPORE_METRIC_HISTOGRAM,
		                                     .name = "spore_wait_seconds",
		                                     .help = "waits" };
	static const double bounds[] = { 0.5, 1 };
	static const uint64_t cumulative[] = { 1, 2 };
	spore_kv label = { spore_cstr("name"), spore_cstr("a\"\n\xFF") };

	v->begin(arg, &counter);
	v->value(arg, &label, 1, 42);
	v->end(arg);
	v->begin(arg, &histogram);
	v->histogram(arg, NULL, 0, bounds, cumulative, 2, 3, 7.25);
	v->end(arg);
}

static uint32_t is_ready(void)
{
	return ready;
}

static uint32_t explain(char *text, size_t size)
{
	snprintf(text, size, "%s", ready ? "" : "worker 1 hangs");
	return ready;
}

static const spore_ext_metrics metrics = { .struct_size = sizeof metrics, .visit = visit_metrics };
static const spore_ext_ready readiness = { .struct_size = sizeof readiness,
	                                   .is_ready = is_ready,
	                                   .explain = explain };

static const void *get_extension(const char *id)
{
	return strcmp(id, SPORE_EXT_METRICS) == 0 ? (const void *)&metrics
	       : strcmp(id, SPORE_EXT_READY) == 0 ? (const void *)&readiness
	                                          : NULL;
}

static const spore_host host = { .struct_size = sizeof host,
	                         .get_extension = get_extension,
	                         .now_ms = now_ms,
	                         .timer_start = timer_start,
	                         .timer_stop = timer_stop,
	                         .io_start = io_start,
	                         .io_stop = io_stop,
	                         .listener_get = listener_get };

static bool fire_timer(void)
{
	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
		struct timer *timer = &timers[i];
		void (*on_timer)(void *arg) = timer->on_timer;

		/* Those that fire once are short: what is left to do. */
		if (!on_timer || (timer->repeat && timer->due > now))
			continue;
		timer->due += timer->repeat;
		on_timer(timer->arg);
		return true;
	}
	return false;
}

/* Until nothing is ready and no timer is due. */
static void run(void)
{
	for (unsigned turns = 0;; turns++) {
		struct pollfd pollfd = { io.fd, POLLIN, 0 };

		FUZZ_CHECK(turns < MOST_TURNS);
		if (poll(&pollfd, 1, 0) == 1)
			io.on_ready(io.arg, SPORE_READ);
		else if (!fire_timer())
			return;
	}
}

/* ---- visitors ---- */

/* libFuzzer's own signals may come in between. */
static void connect_from(int fd, const char *source)
{
	struct linger linger = { 1, 0 }; /* leaves nothing behind in the kernel */
	struct sockaddr_storage sa;
	spore_addr from;
	socklen_t len;
	int yes = 1, failed;

	FUZZ_CHECK(fd > 0 && addr_parse_ip(source, &from));
	FUZZ_CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	/* connect() takes the port, so that it is free towards this server. */
	FUZZ_CHECK(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) == 0);
	len = addr_to_sockaddr(&from, &sa);
	FUZZ_CHECK(bind(fd, (void *)&sa, len) == 0);
	len = addr_to_sockaddr(&address, &sa);
	do
		failed = connect(fd, (void *)&sa, len);
	while (failed && (errno == EINTR || errno == EALREADY));
	if (failed && errno != EISCONN)
		perror("connect");
	FUZZ_CHECK(!failed || errno == EISCONN);
}

/* From one of a few addresses; the scraper has one of its own. */
static void connect_visitor(unsigned who)
{
	struct visitor *visitor = &visitors[who];
	char source[ADDR_TEXT_SIZE];

	if (visitor->connected)
		return;
	snprintf(source, sizeof source, "127.0.0.%u", who == SCRAPER ? 10 : 11 + who % SOURCES);
	visitor->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	connect_from(visitor->fd, source);
	visitor->connected = true;
	visitor->sent = calloc(1, 1);
	visitor->heard = calloc(1, MAX_HEARD + 1);
	FUZZ_CHECK(visitor->sent && visitor->heard);
}

static void say(struct visitor *visitor, const void *bytes, size_t n)
{
	if (n == 0 || visitor->fd == 0 || send(visitor->fd, bytes, n, MSG_DONTWAIT) != (ssize_t)n)
		return;
	visitor->sent = realloc(visitor->sent, visitor->n_sent + n + 1);
	FUZZ_CHECK(visitor->sent);
	memcpy(visitor->sent + visitor->n_sent, bytes, n);
	visitor->n_sent += n;
	visitor->sent[visitor->n_sent] = '\0';
}

static void listen_to(struct visitor *visitor)
{
	ssize_t n = 1;

	while (visitor->fd && !visitor->ended && n > 0) {
		FUZZ_CHECK(visitor->n_heard < MAX_HEARD);
		n = recv(visitor->fd, visitor->heard + visitor->n_heard,
		         MAX_HEARD - visitor->n_heard, MSG_DONTWAIT);
		if (n > 0)
			visitor->n_heard += (size_t)n;
		visitor->ended = n == 0 || (n < 0 && errno != EAGAIN);
		visitor->reset = n < 0 && visitor->ended;
	}
}

static void leave(struct visitor *visitor)
{
	if (visitor->fd)
		close(visitor->fd);
	visitor->fd = 0;
}

/* ---- acts ---- */

static void run_all(void)
{
	run();
	for (unsigned i = 0; i < VISITORS; i++) {
		if (!visitors[i].quiet)
			listen_to(&visitors[i]);
	}
}

/* Returns who speaks from now on. */
static unsigned perform(enum act act, unsigned arg, unsigned who)
{
	static const uint8_t escape = ESCAPE;

	if (act == SWITCH) {
		connect_visitor(arg % VISITORS);
		return arg % VISITORS;
	}
	if (act == RUN) {
		run_all();
	} else if (act == PASS) {
		now += arg * 100;
		run_all();
	} else if (act == HALF_CLOSE && visitors[who].fd) {
		shutdown(visitors[who].fd, SHUT_WR);
	} else if (act == LEAVE) {
		leave(&visitors[who]);
	} else if (act == CROWD) {
		for (unsigned i = 0; i < arg % (VISITORS + 1); i++)
			connect_visitor(i);
	} else if (act == STAY_QUIET) {
		visitors[who].quiet = arg & 1;
	} else if (act == LITERAL) {
		say(&visitors[who], &escape, 1);
	}
	return who;
}

static void perform_all(const uint8_t *data, size_t size)
{
	unsigned who = 0;

	connect_visitor(who);
	while (size > 0) {
		const uint8_t *escape = memchr(data, ESCAPE, size);
		size_t n = escape ? (size_t)(escape - data) : size;

		say(&visitors[who], data, n);
		if (size - n < 3)
			return;
		who = perform((enum act)(escape[1] % ACTS), escape[2], who);
		data += n + 3;
		size -= n + 3;
	}
}

/* ---- what must hold ---- */

static bool is_page(const char *body, size_t len, enum format format)
{
	struct text text = { 0 };
	bool same;

	render(&metrics, format, &text);
	same = !text.failed && text.len == len && memcmp(text.bytes, body, len) == 0;
	free(text.bytes);
	return same;
}

static bool is_text(const char *body, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(body, text, len) == 0;
}

/* Empty lines may stand before a request, and libmicrohttpd takes one that begins with NUL for
 * empty. */
static const char *request_of(const struct visitor *visitor)
{
	const char *at = visitor->sent, *end = visitor->sent + visitor->n_sent, *feed;

	while (at < end) {
		if (*at == '\r' || *at == '\n' || *at == ' ' || *at == '\t')
			at++;
		else if (*at == '\0' && (feed = memchr(at, '\n', (size_t)(end - at))) != NULL)
			at = feed + 1;
		else
			break;
	}
	return at;
}

/* Only GET gets anything. */
static void check_good_answer(const struct visitor *visitor, const char *body, size_t len)
{
	FUZZ_CHECK(strncmp(request_of(visitor), "GET", 3) == 0);
	FUZZ_CHECK(is_page(body, len, FORMAT_PROMETHEUS) ||
	           is_page(body, len, FORMAT_OPENMETRICS) || is_text(body, len, "alive\n") ||
	           is_text(body, len, "ready\n"));
}

/* One answer, whole, and nothing behind it; or none, where the visitor left or was sent away. */
static void check_answer(const struct visitor *visitor)
{
	const char *head = visitor->heard, *end, *length;
	size_t len;
	int status;

	if (visitor->n_heard == 0 || visitor->reset)
		return;
	FUZZ_CHECK(sscanf(head, "HTTP/1.%*1[01] %3d ", &status) == 1);
	FUZZ_CHECK(status >= 200 && status < 600);
	if (status == 400)
		return; /* libmicrohttpd's own: 0.9.75 sends its head twice if a length is malformed
		         */
	end = strstr(head, "\r\n\r\n");
	length = strcasestr(head, "\r\ncontent-length:");
	FUZZ_CHECK(end && length && length < end && strcasestr(head, "\r\nconnection: close"));
	len = visitor->n_heard - (size_t)(end + 4 - head);
	if (!strstr(visitor->sent, "HEAD") || len > 0)
		FUZZ_CHECK(strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) == len);
	if (status == 200)
		check_good_answer(visitor, end + 4, len);
}

/* The kernel has its own pace. */
static void await_end(struct visitor *visitor)
{
	for (unsigned tries = 0;; tries++) {
		run();
		listen_to(visitor);
		if (visitor->ended || !visitor->fd)
			return;
		FUZZ_CHECK(tries < MOST_TRIES);
		if (tries > 8)
			usleep(1000);
	}
}

static void check_scraper(enum format format)
{
	static const char plain[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char open[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n"
				   "Accept: application/openmetrics-text\r\n\r\n";
	const char *request = format == FORMAT_OPENMETRICS ? open : plain;
	struct visitor *scraper = &visitors[SCRAPER];
	const char *body;

	connect_visitor(SCRAPER);
	say(scraper, request, strlen(request));
	await_end(scraper);
	FUZZ_CHECK(!scraper->reset && strncmp(scraper->heard, "HTTP/1.1 200 OK\r\n", 17) == 0);
	FUZZ_CHECK(strcasestr(scraper->heard, render_type(format)));
	body = strstr(scraper->heard, "\r\n\r\n");
	FUZZ_CHECK(body && is_page(body + 4, scraper->n_heard - (size_t)(body + 4 - scraper->heard),
	                           format));
}

static void check_visitors(void)
{
	run();
	now += DEADLINE_MS + TICK_MS;
	for (unsigned i = 0; i <= VISITORS; i++) {
		if (!visitors[i].connected)
			continue;
		await_end(&visitors[i]);
		check_answer(&visitors[i]);
		leave(&visitors[i]);
		free(visitors[i].sent);
		free(visitors[i].heard);
	}
	memset(visitors, 0, sizeof visitors);
}

static void check_accept(const uint8_t *data, size_t size)
{
	char *header = malloc(size + 1);

	FUZZ_CHECK(header);
	memcpy(header, data, size);
	header[size] = '\0';
	FUZZ_CHECK(accept_format(header) == FORMAT_PROMETHEUS ||
	           strcasestr(header, "application/openmetrics-text"));
	free(header);
}

/* ---- the plugin ---- */

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	fprintf(stderr, "%s: %s\n", pointer, text);
	abort();
}

static void *conf_new(const spore_component *component)
{
	char *conf = calloc(1, component->conf_size);

	FUZZ_CHECK(conf && strcmp(component->options[0].name, "listen") == 0);
	memcpy(conf + component->options[0].offset, &address, sizeof address);
	return conf;
}

/* The lowest that is free: the same before and after, if none is left open. */
static int next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	FUZZ_CHECK(fd >= 0);
	close(fd);
	return fd;
}

static void check_all_stopped(void)
{
	FUZZ_CHECK(!io.on_ready);
	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
		FUZZ_CHECK(!timers[i].on_timer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const spore_component *component = spore_plugin_v1()->components[0];
	spore_create_args args = { .struct_size = sizeof args,
		                   .role = SPORE_ROLE_SERVER,
		                   .host = &host,
		                   .conf = conf_new(component),
		                   .report = on_report };
	int next = next_descriptor();
	void *instance, *state;

	check_accept(data, size);
	ready = size & 1;
	FUZZ_CHECK(component->create(&args, &instance) == SPORE_OK);
	FUZZ_CHECK(component->worker_start(instance, NULL, 0, &state) == SPORE_OK);
	perform_all(data, size);
	run_all();
	check_scraper(size & 2 ? FORMAT_OPENMETRICS : FORMAT_PROMETHEUS);
	check_visitors();
	component->worker_stop(state);
	component->destroy(instance);
	check_all_stopped();
	close(listen_fd);
	FUZZ_CHECK(next_descriptor() == next);
	free((void *)args.conf);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	unsigned pid = (unsigned)getpid();
	char text[ADDR_TEXT_SIZE];

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN); /* as process/runtime does */
	snprintf(text, sizeof text, "127.%u.%u.%u", 64 + (pid >> 16 & 63), pid >> 8 & 255,
	         pid & 255);
	FUZZ_CHECK(addr_parse_ip(text, &address));
	address.port = PORT;
	return 0;
}
