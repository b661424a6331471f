/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dune-sandbox: what its parts know of each other.
 *
 * The supervisor is this program, in ring 0; the confined program is in ring 3
 * of the same process. What handles a system call of ring 3 runs on a stack of
 * the thread's own in ring 0, perhaps with thread-local storage that another
 * thread is using at the same time: so it calls neither malloc() nor anything
 * that sets errno, makes its own calls by dune_syscall(), and uses no vector
 * register (DUNE_HANDLER_INTEGER).
 *
 * The supervisor's memory is all there is when ring 3 begins, and libdune's. It
 * makes no mapping after that, so that an address which is ring 3's once cannot
 * become the supervisor's while the kernel still has it in use.
 */
#ifndef DUNE_SANDBOX_H
#define DUNE_SANDBOX_H

#include <dune/dune.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "policy.h"

/* For what handles a call of ring 3: lists of arguments are on it. */
#define HANDLER_STACK	(3UL << 20)

/* The compiler's own calls of these as well: the C library's use vectors. */
void *memcpy(void *to, const void *from, size_t size)
	__asm__("sandbox_memcpy");
void *memset(void *to, int byte, size_t size)
	__asm__("sandbox_memset");
int memcmp(const void *a, const void *b, size_t size)
	__asm__("sandbox_memcmp");

#define CALL(nr, a, b, c, d, e, f)					\
	dune_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d),	\
		     (long)(e), (long)(f))
#define CALL1(nr, a)		CALL(nr, a, 0, 0, 0, 0, 0)
#define CALL2(nr, a, b)		CALL(nr, a, b, 0, 0, 0, 0)
#define CALL3(nr, a, b, c)	CALL(nr, a, b, c, 0, 0, 0)
#define CALL4(nr, a, b, c, d)	CALL(nr, a, b, c, d, 0, 0)

/* The result of a call is in its frame already, or it is to be made again. */
#define KEEP		(-4097L)

/* Arguments of a call, by their numbers. */
static inline uint64_t argument(const struct dune_frame *frame, unsigned int i)
{
	switch (i) {
	case 0: return frame->rdi;
	case 1: return frame->rsi;
	case 2: return frame->rdx;
	case 3: return frame->r10;
	case 4: return frame->r8;
	default: return frame->r9;
	}
}

static inline bool is_error(long result)
{
	return result < 0 && result > -4096;
}

/**
 * struct call - a system call that ring 3 may make
 * @name: for people
 * @handle: makes it, or says why not; NULL: it is made as it is
 * @verdict: what the policy has for it if nobody says otherwise
 * @optional: the policy may have another, if it is refused
 * @descriptors: arguments that are descriptors, a bit each
 * @memory: arguments that are addresses. There are @size bytes, times argument
 *	@times - 1 if @times is not 0
 *
 * Addresses and descriptors are looked at before @handle is called.
 */
struct call {
	const char *name;
	long (*handle)(struct dune_frame *frame);
	enum verdict verdict;
	bool optional;
	uint8_t descriptors;
	struct {
		uint8_t used, argument, times;
		uint16_t size;
	} memory[4];
};

/* text.c */
size_t text_length(const char *text);
bool text_equal(const char *a, const char *b);
const char *text_after(const char *text, const char *prefix);
char *text_put(char *to, char *end, const char *text);
char *text_put_number(char *to, char *end, uint64_t number, unsigned int base);
const char *text_number(const char *text, uint64_t *number);

/* entry.c */
void hide_variables(long *stack);
void show_variables(char **environment);

/* calls.c */
extern const struct call calls[SYSCALLS];
void take_syscall(struct dune_frame *frame);
long forward(struct dune_frame *frame);
long forward_changed(struct dune_frame *frame, struct dune_frame *changed);

/* memory.c: of ring 3, and of the supervisor, which is from here to there */
extern const char __ehdr_start[], _end[];
/* where its stack ends, of HANDLER_STACK bytes */
extern void *memory_stack;
int memory_guard(void);
int memory_init(const struct dune_program *program,
		const struct dune_range *stack, struct dune_range *vdso);
bool is_supervisors(uint64_t address, uint64_t size);
long copy_in(void *to, uint64_t from, size_t size);
long copy_out(uint64_t to, const void *from, size_t size);
long copy_string(char *to, uint64_t from, size_t size);

/* log.c: what was refused, and why */
void learn_line(const char *keyword, const char *what);
void learn_path(unsigned int rights, const char *path);
long refuse(const struct dune_frame *frame, long error, const char *why,
	    const char *what);

/**
 * struct place - a file, as ring 3 named it
 * @fd: O_PATH on it; or on its directory if @name is not empty. To be closed
 * @name: in that directory
 * @path: from the root, as the kernel has it, with @name
 *	or, if it is no file, some text without a slash before it
 * @error: why there is none; then @path is that of what there is before it, or
 *	empty, and @fd is -1
 * @is_descriptor: it was named by a descriptor of ring 3's
 */
struct place {
	long fd;
	long error;
	bool is_descriptor;
	char name[NAME_MAX + 1];
	char path[PATH_MAX];
};

/* path.c */
#define PLACE_NOFOLLOW	(1U << 0)	/* a link itself */
#define PLACE_NEW	(1U << 1)	/* a name in a directory, there or not */
#define PLACE_EMPTY	(1U << 2)	/* AT_EMPTY_PATH: perhaps the descriptor */
void find_place(struct place *place, long dirfd, char *path, unsigned int how,
		uint64_t resolve);
void put_place(struct place *place);
long path_of(long fd, char *path, size_t size);
#define DESCRIPTOR_PATH	48
void descriptor_path(char *path, long fd);
extern bool descriptors_are_shared;
long check_place(const struct dune_frame *frame, const struct place *place,
		 unsigned int rights);

bool is_symlink(long fd);
bool is_own_image(const char *path);

/* files.c */
long handle_file(struct dune_frame *frame);
long handle_stat(struct dune_frame *frame);
long handle_newfstatat(struct dune_frame *frame);
long handle_statx(struct dune_frame *frame);
long handle_readlink(struct dune_frame *frame);
long handle_readlinkat(struct dune_frame *frame);
long handle_chdir(struct dune_frame *frame);
long handle_attributes(struct dune_frame *frame);
long handle_make(struct dune_frame *frame);
long handle_unlink(struct dune_frame *frame);
long handle_symlink(struct dune_frame *frame);
long handle_rename(struct dune_frame *frame);
long handle_link(struct dune_frame *frame);

/* list.c */
bool is_hidden(const char *folder, const char *name);
long handle_list(struct dune_frame *frame);

/* open.c */
unsigned int rights_to_open(uint64_t flags);
long handle_open(struct dune_frame *frame);
long handle_openat2(struct dune_frame *frame);

/* clocks.c */
long handle_clock(struct dune_frame *frame);
long handle_capget(struct dune_frame *frame);

/* maps.c */
long handle_range(struct dune_frame *frame);
long handle_mincore(struct dune_frame *frame);
long handle_mmap(struct dune_frame *frame);
long handle_mremap(struct dune_frame *frame);
long handle_arch_prctl(struct dune_frame *frame);
long handle_close_range(struct dune_frame *frame);

/* execute.c */
long handle_execve(struct dune_frame *frame);
long handle_execveat(struct dune_frame *frame);

/* start.c */
extern const char *program_path;
int policy_map(int fd);
int policy_create(struct policy *new);
int start(int fd, const char *path, char **argv, char **envp);

/* wall.c */
int raise_wall(void);

/* main.c: what the supervisor is called when it begins with a program */
#define INSIDE	"dune-sandbox-inside"
int fail(const char *what, int error);

extern const struct policy *policy;
extern struct shared *shared;

/* Is this one of ring 3's? Those above are the supervisor's and libdune's. */
static inline bool is_descriptor(uint64_t fd)
{
	return (uint32_t)fd < policy->descriptors;
}

#endif /* DUNE_SANDBOX_H */
