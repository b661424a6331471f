/* SPDX-License-Identifier: GPL-2.0-only */
/* What the memory tests share: how the guest sees memory, and how the host. */
#ifndef DUNE_SELFTESTS_GUEST_MEMORY_H
#define DUNE_SELFTESTS_GUEST_MEMORY_H

#include <sched.h>
#include <stdlib.h>

#include "guest.h"

#define PAGE	4096UL
#define WORDS	(PAGE / sizeof(uint64_t))
#define LARGE	(2UL << 20)

/* 2 MiB, aligned, so that one mapping of the guest covers it. */
static inline void *guest_alloc_large(void)
{
	uint64_t area = (uint64_t)guest_alloc(2 * LARGE);

	if (area == (uint64_t)MAP_FAILED)
		return MAP_FAILED;
	return (void *)((area + LARGE - 1) & ~(LARGE - 1));
}

/* A guest that sees such memory. Returns as guest_create(). */
static inline int guest_with_memory(struct guest *guest, uint64_t **data)
{
	int err = guest_create(guest);

	if (err)
		return err;
	*data = guest_alloc_large();
	if (*data == MAP_FAILED)
		return -ENOMEM;
	guest_map(guest, *data);
	return 0;
}

/* Both return the exit's reason. */
static inline uint32_t guest_read(struct guest *guest, const void *address,
				  uint64_t *value)
{
	guest_reset_code(guest);
	guest_emit(guest, "\x48\x8b\x07", 3);		/* mov (%rdi), %rax */
	guest_emit_hypercall(guest);
	guest->run->regs.rdi = (uint64_t)address;
	if (guest_run(guest))
		return 0;
	*value = guest->run->regs.rax;
	return guest->run->exit_reason;
}

static inline uint32_t guest_write(struct guest *guest, void *address,
				   uint64_t value)
{
	guest_reset_code(guest);
	guest_emit(guest, "\x48\x89\x07", 3);		/* mov %rax, (%rdi) */
	guest_emit_hypercall(guest);
	guest->run->regs.rdi = (uint64_t)address;
	guest->run->regs.rax = value;
	return guest_run(guest) ? 0 : guest->run->exit_reason;
}

#define EXPECT_READ(expected, address) do {				\
	uint64_t value_ = 0;						\
	EXPECT_EQ(DUNE_EXIT_SYSCALL,					\
		  guest_read(&self->guest, address, &value_));		\
	EXPECT_EQ((uint64_t)(expected), value_);			\
} while (0)

#define EXPECT_WRITTEN(address, value)					\
	EXPECT_EQ(DUNE_EXIT_SYSCALL,					\
		  guest_write(&self->guest, address, value))

/*
 * A function that the guest can call: it uses its arguments and nothing else
 * of the program.
 */
#define GUEST_FUNCTION	__attribute__((noinline, no_stack_protector))

typedef uint64_t guest_function(void *memory, uint64_t a, uint64_t b);

/* Has the guest call a function; returns the exit's reason. */
static inline uint32_t guest_call(struct guest *guest, guest_function *function,
				  void *memory, uint64_t a, uint64_t b)
{
	struct dune_regs *regs = &guest->run->regs;
	uint64_t *stack = (uint64_t *)(guest->code + GUEST_CODE_SIZE);

	guest_map(guest, (void *)function);
	guest_map(guest, (char *)function + PAGE);	/* where it may end */
	guest_reset_code(guest);
	guest_emit_hypercall(guest);
	*--stack = (uint64_t)guest->code;		/* it returns to that */
	regs->rsp = (uint64_t)stack;
	regs->rip = (uint64_t)function;
	regs->rdi = (uint64_t)memory;
	regs->rsi = a;
	regs->rdx = b;
	while (guest_run(guest))
		if (errno != EINTR)
			return 0;
	return guest->run->exit_reason;
}

/* Writes a line to a file of the kernel's; false if it is refused. */
static inline bool host_set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* The number in a file of the kernel's, or -1. */
static inline long host_get(const char *path)
{
	FILE *file = fopen(path, "re");
	long value = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* What /proc/self/smaps says of the mapping around an address, or -1. */
static inline long host_smaps(const void *address, const char *field)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool here = false;
	long value = -1;
	char line[256];

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (uint64_t)address &&
			       (uint64_t)address < end;
		else if (here && !strncmp(line, field, strlen(field)))
			sscanf(line + strlen(field), ": %ld", &value);
	}
	fclose(file);
	return value;
}

#define PAGEMAP_PRESENT		(1UL << 63)
#define PAGEMAP_SWAPPED		(1UL << 62)
#define PAGEMAP_SOFT_DIRTY	(1UL << 55)
#define PAGEMAP_FRAME		((1UL << 55) - 1)

/* What /proc/self/pagemap says of a page. */
static inline uint64_t host_pagemap(const void *address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uint64_t)address / PAGE * 8) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

#endif /* DUNE_SELFTESTS_GUEST_MEMORY_H */
