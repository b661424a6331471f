// SPDX-License-Identifier: GPL-2.0-only
/* Which pages were written to, as userfaultfd's write protection tells it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "dirty.h"

/* The kernel lets go of the protection by itself, from 6.7 on. */
#define FEATURE_WP_ASYNC	(1ULL << 15)

static int userfault;

static void watch(uint64_t features, const char *without)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register range = {
		.range = { (uintptr_t)dirty_memory, DIRTY_SIZE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	userfault = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (userfault < 0 || ioctl(userfault, UFFDIO_API, &api) ||
	    ioctl(userfault, UFFDIO_REGISTER, &range))
		cannot_run(without);
}

static void protect(char *address, size_t size, bool on)
{
	struct uffdio_writeprotect how = {
		.range = { (uintptr_t)address, size },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	must(!ioctl(userfault, UFFDIO_WRITEPROTECT, &how),
	     "UFFDIO_WRITEPROTECT");
}

static void protect_all(void)
{
	protect(dirty_memory, DIRTY_SIZE, true);
}

static void let_write(uintptr_t address)
{
	char *page = (char *)(address & -SMALL);

	dirty_note(page);
	protect(page, SMALL, false);
}

static void *take_messages(void *argument)
{
	struct uffd_msg message;

	while (read(userfault, &message, sizeof(message)) == sizeof(message))
		let_write(message.arg.pagefault.address);
	return argument;
}

int dirty_by_userfault_thread(void)
{
	pthread_t thread;

	dirty_begin(protect_all, dirty_noted);
	watch(UFFD_FEATURE_PAGEFAULT_FLAG_WP, "no userfaultfd");
	must(!pthread_create(&thread, NULL, take_messages, NULL),
	     "pthread_create()");
	return 0;
}

static void take_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	let_write((uintptr_t)info->si_addr);
}

int dirty_by_userfault_signal(void)
{
	struct sigaction action = {
		.sa_sigaction = take_signal,
		.sa_flags = SA_SIGINFO,
	};

	dirty_begin(protect_all, dirty_noted);
	watch(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_SIGBUS,
	      "no userfaultfd");
	must(!sigaction(SIGBUS, &action, NULL), "sigaction()");
	return 0;
}

/*
 * Documentation/admin-guide/mm/pagemap.rst, "Pagemap Scan IOCTL": the names
 * are the kernel's, in headers that are newer than 6.6.
 */
#define IS_WRITTEN	(1ULL << 1)
#define WP_MATCHING	(1ULL << 0)

struct scan {
	uint64_t size, flags, start, end, walk_end, regions, count, most_pages;
	uint64_t inverted, all_of, any_of, returned;
};

struct region {
	uint64_t start, end, is;
};

#define SCAN	_IOWR('f', 16, struct scan)

static int pagemap;

/* Protects what was written to, in the same go. */
static long scan(void)
{
	static struct region regions[DIRTY_PAGES / DIRTY_EVERY];
	struct scan scan = {
		.size = sizeof(scan),
		.flags = WP_MATCHING,
		.start = (uintptr_t)dirty_memory,
		.end = (uintptr_t)dirty_memory + DIRTY_SIZE,
		.regions = (uintptr_t)regions,
		.count = ARRAY_SIZE(regions),
		.all_of = IS_WRITTEN,
		.returned = IS_WRITTEN,
	};
	long found = ioctl(pagemap, SCAN, &scan), i, count = 0;

	if (found < 0)
		return -errno;
	for (i = 0; i < found; i++)
		count += (regions[i].end - regions[i].start) / SMALL;
	return count;
}

int dirty_by_pagemap_scan(void)
{
	dirty_begin(NULL, scan);
	watch(FEATURE_WP_ASYNC, "the kernel has no PAGEMAP_SCAN");
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	must(pagemap >= 0, "pagemap");
	protect_all();
	return scan() < 0 ? cannot_run("the kernel has no PAGEMAP_SCAN") : 0;
}
