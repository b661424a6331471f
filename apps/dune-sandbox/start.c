// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How a program begins in ring 3: it is loaded beside the supervisor, shown to
 * ring 3, and gone on with. All memory that the supervisor will ever have is
 * there by then.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "handlers.h"

#define DEFAULT_STACK	(8UL << 20)
#define SMALLEST_STACK	(256UL << 10)
#define LARGEST_STACK	(1UL << 30)

#define PAGE_ALIGNED	__attribute__((aligned(4096)))

/* In the supervisor's own range: what is mapped here replaces it. */
static union {
	struct policy policy;
	char page[(sizeof(struct policy) + 4095) & ~4095UL];
} policy_room PAGE_ALIGNED;

static union {
	struct shared shared;
	char page[(sizeof(struct shared) + 4095) & ~4095UL];
} shared_room PAGE_ALIGNED;

const struct policy *policy = &policy_room.policy;
struct shared *shared = &shared_room.shared;
const char *program_path;

static struct dune_user user;

/**
 * policy_map() - find the policy of this sandbox
 * @fd: what policy_create() has made
 *
 * Return: 0; a negative errno.
 */
int policy_map(int fd)
{
	if (mmap(&policy_room, sizeof(policy_room), PROT_READ,
		 MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(&shared_room, sizeof(shared_room), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, sizeof(policy_room)) == MAP_FAILED)
		return -errno;
	return 0;
}

/**
 * policy_create() - leave a policy where this and all later programs find it
 * @new: the policy; its @self is set
 *
 * Return: a descriptor; a negative errno.
 */
int policy_create(struct policy *new)
{
	int fd = memfd_create("dune-sandbox", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	fd = dune_keep_descriptor(fd);
	if (fd < 0)
		return fd;
	new->self = fd;
	if (ftruncate(fd, sizeof(policy_room) + sizeof(shared_room)) ||
	    pwrite(fd, new, sizeof(*new), 0) != sizeof(*new))
		return -errno;
	return fd;
}

/* The dynamic loader is a file like others. */
static int open_loader(const char *path)
{
	const struct dune_frame none = { .rax = SYS_execve };
	char copy[PATH_MAX], link[DESCRIPTOR_PATH];
	struct place place;
	long fd;

	text_put(copy, copy + sizeof(copy), path);
	find_place(&place, AT_FDCWD, copy, 0, 0);
	fd = check_place(&none, &place, RIGHT_EXECUTE);
	if (!fd) {
		descriptor_path(link, place.fd);
		fd = CALL3(SYS_openat, AT_FDCWD, link,
			   O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	put_place(&place);
	return fd;
}

static uint64_t stack_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return DEFAULT_STACK;
	if (limit.rlim_cur < SMALLEST_STACK)
		return SMALLEST_STACK;
	if (limit.rlim_cur > LARGEST_STACK)
		return LARGEST_STACK;
	return limit.rlim_cur & -DUNE_PAGE_SIZE;
}

static int make_stack(const struct dune_program *program, char **argv,
		      char **envp, struct dune_range *range)
{
	uint64_t size = stack_size();
	int prot = PROT_READ | PROT_WRITE;
	void *place;

	if (program->executable_stack)
		prot |= PROT_EXEC;
	place = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_NORESERVE | MAP_STACK, -1, 0);
	if (place == MAP_FAILED)
		return -errno;
	/* as the kernel has it for those that it makes */
	madvise(place, size, MADV_NOHUGEPAGE);
	range->start = (uint64_t)place;
	range->end = range->start + size;
	return dune_program_stack(program, argv, envp, place, size,
				  &user.frame.rsp);
}

static int show(const struct dune_range *range)
{
	if (range->start == range->end)
		return 0;
	return dune_map(dune_root_current(), (void *)range->start,
			range->end - range->start, (void *)range->start,
			DUNE_PTE_USER | DUNE_PTE_WRITE);
}

static int show_all(const struct dune_program *program,
		    const struct dune_range *stack_range,
		    const struct dune_range *vdso)
{
	return show(&program->image) ?: show(&program->loader) ?:
	       show(stack_range) ?: show(vdso);
}

/*
 * libdune's descriptors are to be beyond those of ring 3, which may have
 * lowered its limit before it executed this.
 */
static int init_dune(const struct dune_options *options)
{
	struct rlimit limit, whole;
	int err;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	whole = limit;
	whole.rlim_cur = policy->descriptors;
	if (setrlimit(RLIMIT_NOFILE, &whole))
		return -errno;
	err = dune_init(options);
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : err;
}

static void name_process(const char *path)
{
	const char *slash = strrchr(path, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

/* What the process did in Dune, when it ends. */
static void add_stats(const struct dune_stats *stats)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stats->exits); i++)
		__atomic_add_fetch(&shared->exits, stats->exits[i],
				   __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->processes, 1, __ATOMIC_RELAXED);
}

#define CR4_SMEP	(1UL << 20)
#define CR4_SMAP	(1UL << 21)

/*
 * What is ring 3's is not executed here, nor used but by copy_in() and
 * copy_out(). Threads have what their maker has.
 */
static void protect_from_ring3(void)
{
	uint32_t eax = 7, ebx, ecx = 0, edx;
	uint64_t cr4;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx),
		     "=d" (edx));
	asm volatile("mov %%cr4, %0" : "=r" (cr4));
	if (ebx & 1 << 7)
		cr4 |= CR4_SMEP;
	if (ebx & 1 << 20)
		cr4 |= CR4_SMAP;
	asm volatile("mov %0, %%cr4" : : "r" (cr4));
}

/* On the stack that is in the supervisor's own range. */
static void go(void)
{
	dune_run_user(&user);
	/* nobody leaves it */
	__builtin_trap();
}

static void switch_stack(void)
{
	asm volatile("mov %0, %%rsp\n\t"
		     "xor %%ebp, %%ebp\n\t"
		     "call *%1"
		     : : "r" (memory_stack), "r" (go) : "memory");
	__builtin_unreachable();
}

/**
 * start() - go on with a program in ring 3
 * @fd: the program, open for reading; closed
 * @path: of it
 * @argv: its arguments
 * @envp: its environment
 *
 * Return: only when that fails: what is to be the process's status.
 */
int start(int fd, const char *path, char **argv, char **envp)
{
	const bool known = policy->filter >= 0;
	const struct dune_options options = {
		.size = sizeof(options),
		/* the wall lets pass what it takes to end early */
		.flags = DUNE_OPTION_END_EARLY |
			 (known ? DUNE_OPTION_FILTER : 0),
		.stack_size = HANDLER_STACK,
		.filter = known ? policy->filter : 0,
	};
	struct dune_program program;
	struct dune_range range, vdso;
	int err = init_dune(&options);

	if (err)
		return fail(dune_error(err), 0);
	program_path = strdup(path);
	err = dune_program_load_fd(&program, fd, program_path, open_loader);
	close(fd);
	if (err)
		return fail(program.why ?: path, program.why ? 0 : err);
	err = make_stack(&program, argv, envp, &range);
	if (err)
		return fail(path, err);
	name_process(path);
	if (policy->flags & POLICY_STATS)
		dune_at_exit(add_stats);
	user.frame.rip = program.start;
	err = dune_enter();
	if (err)
		return fail(dune_error(err), 0);
	err = memory_init(&program, &range, &vdso) ?:
	      show_all(&program, &range, &vdso) ?: take_slot() ?:
	      dune_set_syscall_handler(take_syscall, DUNE_HANDLER_INTEGER);
	if (err)
		return fail("cannot begin in ring 3", err);
	protect_from_ring3();
	switch_stack();
	return 0;
}
