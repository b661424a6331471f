// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a supervisor of ring 3 needs: to know libdune's memory, to keep
 * descriptors out of the way, to decide which files are loaded.
 */
#include "in_dune.h"

#include <fcntl.h>
#include <sys/resource.h>

static bool is_own(const void *address)
{
	struct dune_range range;

	dune_own_range(&range);
	return (uint64_t)address - range.start < range.end - range.start;
}

TEST(libdune_has_no_memory_before_it_begins)
{
	struct dune_range range = { 1, 2 };

	dune_own_range(&range);
	EXPECT_EQ(range.start, range.end);
}

/* Mappings that are new since the process entered Dune, and not libdune's. */
static int count_others(const char *before)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t start, end;
	char line[512];
	int count = 0;

	while (fgets(line, sizeof(line), maps)) {
		line[strcspn(line, " ")] = '\0';
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    !strstr(before, line) && !is_own((void *)start))
			count++;
	}
	fclose(maps);
	return count;
}

/* Threads and children that share the memory get what they need there. */
TEST(all_memory_of_libdune_is_in_one_range)
{
	static char before[64 << 10];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got;
	pid_t pid;

	ASSERT_EQ(dune_init(NULL), 0);
	while ((got = read(fd, before + size, sizeof(before) - 1 - size)) > 0)
		size += got;
	close(fd);
	ASSERT_EQ(dune_enter(), 0);
	pid = vfork();
	if (!pid)
		_exit(0);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_TRUE(is_own(dune_page_alloc()));
	/* what stdio has */
	EXPECT_LE(count_others(before), 1);
}

TEST(a_kept_descriptor_is_beyond_those_of_the_program)
{
	struct rlimit limit;
	char data = 0;
	int ends[2], kept;

	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ASSERT_EQ(pipe(ends), 0);
	kept = dune_keep_descriptor(ends[0]);
	EXPECT_GE(kept, (int)limit.rlim_cur);
	EXPECT_GE(kept, 1024);
	EXPECT_EQ(fcntl(kept, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(ends[0], F_GETFD), -1);
	ASSERT_EQ(write(ends[1], "x", 1), 1);
	EXPECT_EQ(read(kept, &data, 1), 1);
	EXPECT_EQ(data, 'x');
}

TEST(so_is_one_that_is_kept_in_dune)
{
	struct rlimit before, after;
	int fd, kept;

	ENTER_DUNE();
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	fd = open("/dev/null", O_RDONLY);
	kept = dune_keep_descriptor(fd);
	EXPECT_GE(kept, (int)before.rlim_cur);
	EXPECT_EQ(dune_keep_descriptor(fd), -EBADF);
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
	EXPECT_EQ(after.rlim_cur, before.rlim_cur);
}

TEST(none_can_be_kept_where_there_is_no_room)
{
	const struct rlimit few = { 1000, 1000 };
	int fd = open("/dev/null", O_RDONLY);

	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	EXPECT_EQ(dune_keep_descriptor(fd), -EMFILE);
	EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

#define KEEPERS	4
#define KEPT	100

static int kept_by_all[KEEPERS][KEPT];

/* By two ways at once: half of the threads in Dune, the others outside. */
static void *keep_many(void *number)
{
	uintptr_t index = (uintptr_t)number;
	int i;

	if (index % 2 && dune_enter())
		return NULL;
	for (i = 0; i < KEPT; i++)
		kept_by_all[index][i] =
			dune_keep_descriptor(open("/dev/null", O_RDONLY));
	return number;
}

/* The limit is raised for a moment: what one sees is not another's. */
TEST(four_threads_keep_descriptors_at_once)
{
	struct rlimit before, after;
	pthread_t threads[KEEPERS];
	uintptr_t i, j;

	ASSERT_EQ(dune_init(NULL), 0);
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (i = 0; i < KEEPERS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, keep_many,
					 (void *)i), 0);
	for (i = 0; i < KEEPERS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
	EXPECT_EQ(after.rlim_cur, before.rlim_cur);
	for (i = 0; i < KEEPERS; i++)
		for (j = 0; j < KEPT; j++) {
			ASSERT_GE(kept_by_all[i][j], (int)before.rlim_cur);
			/* nobody else's, who would have closed it by now */
			ASSERT_EQ(close(kept_by_all[i][j]), 0);
		}
}

static int opened;

static int open_and_tell(const char *path)
{
	opened++;
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int refuse(const char *path)
{
	return -EACCES;
}

TEST(an_open_file_is_loaded)
{
	struct dune_program program;
	int fd = open("./program_dynamic", O_RDONLY | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(dune_program_load_fd(&program, fd, "name", open_and_tell), 0);
	EXPECT_STREQ(program.path, "name");
	EXPECT_NE(program.loader_base, 0);
	EXPECT_EQ(opened, 1);
	dune_program_unload(&program);
	/* it is the caller's to close */
	EXPECT_EQ(dune_program_load_fd(&program, fd, "name", NULL), 0);
	EXPECT_EQ(close(fd), 0);
}

TEST(a_loader_may_be_refused)
{
	struct dune_program program;
	int fd = open("./program_dynamic", O_RDONLY | O_CLOEXEC);

	EXPECT_EQ(dune_program_load_fd(&program, fd, "name", refuse), -ELIBACC);
	EXPECT_EQ(program.image.start, program.image.end);
}

TEST(what_is_not_open_is_not_loaded)
{
	struct dune_program program;

	EXPECT_EQ(dune_program_load_fd(&program, 999, "name", NULL), -EBADF);
	EXPECT_EQ(dune_program_load_fd(&program, -1, "name", NULL), -EBADF);
}

TEST_HARNESS_MAIN
