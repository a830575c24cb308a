#include "process/notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture.h"
#include "run_until.h"
#include "suite.h"
#include "thread/guest.h"

static char path[64];
static int manager;
static struct notify notify;

/* Binds the manager's socket. `len`: of the name in sun_path, which is abstract if it begins with
 * NUL. */
static void listen_at(const char *name, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, name, len);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	                 0);
}

static void open_scene(void)
{
	snprintf(path, sizeof path, "/tmp/spore-notify-%d", (int)getpid());
	unlink(path);
	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_open(&notify);
}

static void close_scene(void)
{
	notify_close(&notify);
	close(manager);
	unlink(path);
}

/* The next datagram; "": none waits. */
static const char *received(void)
{
	static char text[1024];
	ssize_t n = recv(manager, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(each_change_is_one_message)
{
	open_scene();
	ck_assert_str_eq(received(), "");
	notify_starting(&notify, 70000);
	ck_assert_str_eq(received(), "STATUS=starting\nEXTEND_TIMEOUT_USEC=70000000");
	notify_ready(&notify, "serving");
	ck_assert_str_eq(received(), "READY=1\nSTATUS=serving");
	notify_status(&notify, "1 of 2 tunnels open");
	ck_assert_str_eq(received(), "STATUS=1 of 2 tunnels open");
	notify_stopping(&notify, 15000);
	ck_assert_str_eq(received(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=15000000");
	ck_assert_str_eq(received(), "");
	close_scene();
}
END_TEST

START_TEST(a_reload_has_the_time_of_its_start)
{
	struct timespec before;
	long long usec = 0;

	open_scene();
	clock_gettime(CLOCK_MONOTONIC, &before);
	notify_reloading(&notify);
	ck_assert_int_eq(
		sscanf(received(), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading", &usec), 1);
	ck_assert_int_ge(usec, before.tv_sec * 1000000LL + before.tv_nsec / 1000);
	ck_assert_int_lt(usec, before.tv_sec * 1000000LL + 60000000LL);
	close_scene();
}
END_TEST

START_TEST(an_abstract_name_begins_with_at)
{
	char name[64], variable[64];

	snprintf(name, sizeof name, "%cspore-notify-%d", '\0', (int)getpid());
	snprintf(variable, sizeof variable, "@%s", name + 1);
	listen_at(name, strlen(variable));
	setenv("NOTIFY_SOCKET", variable, 1);
	notify_open(&notify);
	notify_ready(&notify, "serving");
	ck_assert_str_eq(received(), "READY=1\nSTATUS=serving");
	notify_close(&notify);
	close(manager);
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
	static struct notify zeroed;

	unsetenv("NOTIFY_SOCKET");
	notify_open(&notify);
	notify_ready(&notify, "serving");
	notify_close(&notify);
	notify_close(&notify);
	notify_ready(&zeroed, "serving");
	notify_close(&zeroed);
	ck_assert_int_ge(dup(STDIN_FILENO), 0); /* descriptor 0 is still open */
}
END_TEST

static bool has_message(void *unused)
{
	(void)unused;
	return strcmp(received(), "WATCHDOG=1") == 0;
}

/* A worker whose turn lasts until the test sets *arg. */
static void *hang(void *arg)
{
	atomic_int *state = arg;

	guest_thread_begin("worker 0");
	guest_thread_is(GUEST_WORKER);
	guest_turn_begin(clock_coarse_ns() - 1000000000);
	atomic_store(state, 1);
	while (atomic_load(state) == 1)
		usleep(1000);
	guest_thread_end();
	return NULL;
}

static void watch_scene(struct loop *loop)
{
	open_scene();
	setenv("WATCHDOG_USEC", "20000", 1);
	notify_watch(&notify, loop);
}

START_TEST(the_watchdog_hears_that_the_process_works)
{
	struct loop *loop = run_until_loop();

	watch_scene(loop);
	ck_assert(run_until(loop, has_message, NULL));
	ck_assert(run_until(loop, has_message, NULL));
	notify_close(&notify);
	run_for(loop, 50);
	close_scene();
	loop_free(loop);
}
END_TEST

START_TEST(the_watchdog_hears_nothing_while_a_worker_hangs)
{
	struct loop *loop = run_until_loop();
	atomic_int state = 0;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, hang, &state), 0);
	while (atomic_load(&state) == 0)
		usleep(1000);
	watch_scene(loop);
	run_for(loop, 100);
	ck_assert_str_eq(received(), "");
	atomic_store(&state, 2);
	pthread_join(thread, NULL);
	ck_assert(run_until(loop, has_message, NULL));
	close_scene();
	loop_free(loop);
}
END_TEST

START_TEST(the_watchdog_is_for_another_process)
{
	struct loop *loop = run_until_loop();

	setenv("WATCHDOG_PID", "1", 1);
	watch_scene(loop);
	run_for(loop, 100);
	ck_assert_str_eq(received(), "");
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	notify_watch(&notify, loop);
	run_for(loop, 100);
	ck_assert_str_eq(received(), "");
	close_scene();
	loop_free(loop);
}
END_TEST

/* The descriptor that comes with the next message, and the message. */
static int receive_fd(char *text_out, size_t size)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text_out, size - 1 };
	struct msghdr message = { .msg_iov = &iov,
		                  .msg_iovlen = 1,
		                  .msg_control = control,
		                  .msg_controllen = sizeof control };
	ssize_t n = recvmsg(manager, &message, 0);
	int fd;

	ck_assert_int_gt(n, 0);
	text_out[n] = '\0';
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

START_TEST(a_descriptor_is_kept_under_its_name)
{
	int ends[2], kept;
	char text[128], byte = 0;

	open_scene();
	ck_assert(notify_has_manager(&notify));
	ck_assert_int_eq(pipe(ends), 0);
	notify_store(&notify, ends[1], "tunnel-1-abc");
	close(ends[1]);
	kept = receive_fd(text, sizeof text);
	ck_assert_str_eq(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=tunnel-1-abc");
	ck_assert_int_eq(write(kept, "x", 1), 1);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	notify_drop(&notify, "tunnel-1-abc");
	ck_assert_str_eq(received(), "FDSTOREREMOVE=1\nFDNAME=tunnel-1-abc");
	close(kept);
	close(ends[0]);
	close_scene();
	ck_assert(!notify_has_manager(&notify));
}
END_TEST

START_TEST(a_manager_tells_when_it_has_acted)
{
	char text[128];
	int barrier;

	open_scene();
	notify_drop(&notify, "tunnel-1-abc");
	ck_assert(!notify_is_settled(&notify));
	ck_assert_str_eq(received(), "FDSTOREREMOVE=1\nFDNAME=tunnel-1-abc");
	barrier = receive_fd(text, sizeof text);
	ck_assert_str_eq(text, "BARRIER=1");
	ck_assert(!notify_is_settled(&notify));
	close(barrier);
	ck_assert(notify_is_settled(&notify));
	ck_assert_str_eq(received(), ""); /* it is asked once */
	close_scene();
	ck_assert(notify_is_settled(&notify)); /* there is none */
}
END_TEST

/* What the log says of a manager that is not there. */
static const char *complaint(const char *variable)
{
	static struct capture capture;

	setenv("NOTIFY_SOCKET", variable, 1);
	capture_begin(&capture);
	notify_open(&notify);
	notify_ready(&notify, "serving");
	notify_status(&notify, "serving");
	notify_close(&notify);
	capture_end(&capture);
	return capture_err(&capture);
}

START_TEST(a_failure_is_logged_once)
{
	const char *line = complaint("/nowhere/notify");

	ck_assert_contains(line, "warn  cannot notify the service manager socket=/nowhere/notify "
	                         "error=\"No such file or directory\"\n");
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	ck_assert_contains(complaint("vsock:2:1"), "socket=vsock:2:1 error=");
}
END_TEST

START_TEST(a_manager_that_reads_nothing_costs_a_second)
{
	int64_t before;

	open_scene();
	for (int i = 0; i < 100000; i++) { /* fill its queue */
		if (sendto(manager, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&notify.address,
		           notify.length) < 0)
			break;
	}
	before = clock_ms();
	notify_ready(&notify, "serving");
	for (int i = 0; i < 100; i++)
		notify_store(&notify, STDERR_FILENO, "tunnel-1-abc");
	ck_assert_int_lt(clock_ms() - before, 5000);
	close_scene();
}
END_TEST

START_TEST(another_process_is_the_main_one)
{
	open_scene();
	notify_mute(&notify, true);
	notify_starting(&notify, 70000);
	notify_ready(&notify, "serving");
	ck_assert_str_eq(received(), "");
	ck_assert(notify_has_manager(&notify));
	notify_mute(&notify, false);
	notify_ready(&notify, "serving");
	ck_assert_str_eq(received(), "READY=1\nSTATUS=serving");
	notify_main_pid(&notify, 123);
	ck_assert_str_eq(received(), "MAINPID=123");
	notify_stopping(&notify, 15000);
	ck_assert_str_eq(received(), "");
	close_scene();
}
END_TEST

SUITE("notify", another_process_is_the_main_one, each_change_is_one_message,
      a_reload_has_the_time_of_its_start, an_abstract_name_begins_with_at,
      without_a_manager_nothing_happens, the_watchdog_hears_that_the_process_works,
      the_watchdog_hears_nothing_while_a_worker_hangs, the_watchdog_is_for_another_process,
      a_descriptor_is_kept_under_its_name, a_manager_tells_when_it_has_acted,
      a_failure_is_logged_once, a_manager_that_reads_nothing_costs_a_second)
