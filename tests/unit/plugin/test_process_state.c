#include "plugin/process_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

static void leave(int number)
{
	(void)number;
	_exit(1);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
}

static struct process_changes changes_of(void (*change)(void))
{
	struct process_changes changes;
	struct process_state state;

	process_state_record(&state);
	change();
	process_state_restore(&state, &changes);
	return changes;
}

static void check_restored(void (*change)(void), const char *names)
{
	struct process_changes changes = changes_of(change);

	ck_assert_str_eq(changes.restored, names);
	ck_assert_str_eq(changes.lost, "");
	ck_assert_str_eq(changes.runtime, "");
}

static void change_nothing(void)
{
}

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

START_TEST(nothing_is_reported_and_nothing_left_of_no_change)
{
	unsigned before = count_descriptors();

	check_restored(change_nothing, "");
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void block_usr1(void)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
}

static int is_blocked(int number)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return sigismember(&mask, number);
}

START_TEST(a_mask_is_restored_and_reported_for_signals_of_the_host)
{
	check_restored(block_all, "signal mask");
	ck_assert_int_eq(is_blocked(SIGTERM), 0);
	check_restored(block_usr1, "");
	ck_assert_int_eq(is_blocked(SIGUSR1), 0);
}
END_TEST

static void catch_all(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGSEGV, SIGABRT };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		signal(numbers[i], leave);
}

START_TEST(handlers_are_restored)
{
	struct sigaction action;

	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	check_restored(catch_all, "TERM handler, INT handler, HUP handler, PIPE handler, "
	                          "SEGV handler, ABRT handler");
	sigaction(SIGHUP, NULL, &action);
	ck_assert(action.sa_handler == SIG_IGN);
	sigaction(SIGTERM, NULL, &action);
	ck_assert(action.sa_handler == SIG_DFL);
	sigaction(SIGPIPE, NULL, &action);
	ck_assert(action.sa_handler == SIG_IGN);
}
END_TEST

static void install_runtime(void)
{
	struct sigaction action = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGURG, &action, NULL);
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGBUS, &action, NULL);
}

START_TEST(the_fault_handlers_of_a_runtime_stay)
{
	struct process_changes changes;
	struct sigaction action;

	signal(SIGTERM, SIG_DFL);
	changes = changes_of(install_runtime);
	ck_assert_str_eq(changes.restored, "TERM handler, BUS handler");
	ck_assert_str_eq(changes.runtime, "PIPE handler, SEGV handler");
	sigaction(SIGSEGV, NULL, &action);
	ck_assert(action.sa_sigaction == pass_on);
	sigaction(SIGURG, NULL, &action);
	ck_assert(action.sa_sigaction == pass_on);
	sigaction(SIGPIPE, NULL, &action);
	ck_assert(action.sa_handler == SIG_IGN);
	sigaction(SIGTERM, NULL, &action);
	ck_assert(action.sa_handler == SIG_DFL);
}
END_TEST

static locale_t other_locale;

static void set_locales(void)
{
	uselocale(other_locale);
	setlocale(LC_CTYPE, "C.UTF-8");
}

START_TEST(locales_are_restored)
{
	locale_t own = newlocale(LC_ALL_MASK, "C", (locale_t)0);

	other_locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	uselocale(own);
	check_restored(set_locales, "thread locale, locale");
	ck_assert_ptr_eq(uselocale((locale_t)0), own);
	ck_assert_str_eq(setlocale(LC_ALL, NULL), "C");
	freelocale(other_locale);
}
END_TEST

static void move(void)
{
	umask(0);
	ck_assert_int_eq(chdir("/proc"), 0);
}

START_TEST(umask_and_folder_are_restored)
{
	char folder[64] = "";

	umask(027);
	ck_assert_int_eq(chdir("/tmp"), 0);
	check_restored(move, "umask, working directory");
	ck_assert_str_eq(getcwd(folder, sizeof folder), "/tmp");
	ck_assert_uint_eq(umask(0), 027);
}
END_TEST

static void lower_limits(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 4096 });
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, 4096 });
}

START_TEST(soft_limits_are_restored)
{
	struct rlimit limit;

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 4096 });
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, 4096 });
	check_restored(lower_limits, "core file limit, descriptor limit");
	getrlimit(RLIMIT_CORE, &limit);
	ck_assert_uint_eq(limit.rlim_cur, 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_uint_eq(limit.rlim_cur, 100);
}
END_TEST

static void lower_hard_limit(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 20, 50 });
}

START_TEST(a_hard_limit_is_lost_without_privileges)
{
	uid_t user = geteuid();
	struct process_changes changes;
	struct rlimit limit;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, 4096 });
	if (user == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	changes = changes_of(lower_hard_limit);
	ck_assert_str_eq(changes.restored, "");
	ck_assert_str_eq(changes.lost, "descriptor limit");
	getrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_uint_eq(limit.rlim_cur, 50);
	ck_assert_int_eq(seteuid(user), 0);
	prctl(PR_SET_DUMPABLE, 1); /* for a sanitizer, which looks for leaks */
}
END_TEST

static void replace_outputs(void)
{
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, STDERR_FILENO);
	close(fd);
	close(STDOUT_FILENO);
}

START_TEST(outputs_are_restored)
{
	struct stat before, after;

	ck_assert_int_eq(dup2(open("/tmp", O_RDONLY), STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(fstat(STDOUT_FILENO, &before), 0);
	check_restored(replace_outputs, "standard output, standard error");
	ck_assert_int_eq(fstat(STDOUT_FILENO, &after), 0);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	ck_assert_int_eq(fstat(STDERR_FILENO, &after), 0);
	ck_assert(S_ISDIR(after.st_mode));
	ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFD), 0);
}
END_TEST

static void open_a_file(void)
{
	ck_assert_int_eq(open("/dev/null", O_WRONLY), STDOUT_FILENO);
}

START_TEST(a_closed_output_may_become_a_file_of_the_plugin)
{
	close(STDOUT_FILENO);
	check_restored(open_a_file, "");
	ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFD), 0);
}
END_TEST

SUITE("process_state", nothing_is_reported_and_nothing_left_of_no_change,
      a_mask_is_restored_and_reported_for_signals_of_the_host, handlers_are_restored,
      the_fault_handlers_of_a_runtime_stay, locales_are_restored, umask_and_folder_are_restored,
      soft_limits_are_restored, a_hard_limit_is_lost_without_privileges, outputs_are_restored,
      a_closed_output_may_become_a_file_of_the_plugin)
