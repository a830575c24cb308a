#include "thread/maps.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"

START_TEST(an_address_in_a_library)
{
	const void *inside = dlsym(RTLD_DEFAULT, "getpid");
	struct maps_place place;
	Dl_info info;

	ck_assert_int_ne(dladdr(inside, &info), 0);
	ck_assert(maps_find((uintptr_t)inside, &place));
	ck_assert_str_eq(place.file, strrchr(info.dli_fname, '/') + 1);
	ck_assert_uint_eq(place.offset, (uintptr_t)inside - (uintptr_t)info.dli_fbase);
}
END_TEST

START_TEST(an_address_in_a_file_without_a_name)
{
	int fd = memfd_create("plain", 0);
	char *page;
	struct maps_place place;

	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	ck_assert(page != MAP_FAILED);
	ck_assert(maps_find((uintptr_t)page + 7, &place));
	ck_assert_str_eq(place.file, "memfd:plain");
	ck_assert_uint_eq(place.offset, 4096 + 7);
	close(fd);
}
END_TEST

START_TEST(an_address_elsewhere)
{
	struct maps_place place;
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(page != MAP_FAILED);
	ck_assert(!maps_find((uintptr_t)page, &place));
	ck_assert(!maps_find(16, &place));
	ck_assert(!maps_find(UINTPTR_MAX, &place));
}
END_TEST

SUITE("maps", an_address_in_a_library, an_address_in_a_file_without_a_name, an_address_elsewhere)
