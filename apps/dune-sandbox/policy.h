/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a confined program may do. All of it is in one piece without pointers,
 * which each program that it executes finds where this one has left it.
 */
#ifndef DUNE_SANDBOX_POLICY_H
#define DUNE_SANDBOX_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define SYSCALLS	512
#define RULES		512
#define ADDRESSES	64
#define TEXT_SIZE	(64U << 10)

/**
 * enum verdict - of a system call
 * @ABSENT: the kernel has none such (ENOSYS)
 * @ALLOWED: with what it is about being looked at
 * @REFUSED: with EPERM, or the end
 */
enum verdict { ABSENT, ALLOWED, REFUSED };

/* Rights to what is at a path and below it. */
#define RIGHT_LOOK	(1U << 0)	/* that it is there, and its attributes */
#define RIGHT_READ	(1U << 1)
#define RIGHT_WRITE	(1U << 2)	/* also to make and remove what is below */
#define RIGHT_EXECUTE	(1U << 3)
#define RIGHT_HIDDEN	(1U << 4)	/* none, and it is as if it were not there */

/**
 * struct rule - rights to files
 * @path: where in &policy.text, with the kernel's name of it
 * @length: of that, in bytes
 * @rights: to it and all below, but for what another rule is about
 * @only: not to what is below
 */
struct rule {
	uint32_t path, length;
	uint32_t rights;
	bool only;
};

/**
 * struct address - whom it may talk to
 * @any: of any machine
 * @in6: the machine; one of IPv4 as ::ffff:a.b.c.d
 * @bits: how many of @in6 count
 * @port: or 0 for any
 */
struct address {
	struct in6_addr in6;
	uint8_t bits;
	uint16_t port;
};

#define POLICY_KILL	(1U << 0)	/* a refusal is the end */
#define POLICY_LEARN	(1U << 1)	/* refuse nothing, but tell */
#define POLICY_STATS	(1U << 2)

/**
 * struct policy - all of it
 * @flags: POLICY_*
 * @descriptors: those of ring 3 are below
 * @log: descriptor for refusals, or -1
 * @learned: descriptor for what a policy would have to allow, or -1
 * @self: of this, which its children find there
 * @supervisor: this program
 * @filter: descriptor of the wall, or -1: the module does not know it
 * @group: the process group that it was started in
 * @max_memory: bytes of address space, 0: no limit
 * @max_processes: at a time, 0: no limit
 * @verdicts: by number of the system call
 */
struct policy {
	uint32_t flags;
	uint32_t descriptors;
	int32_t log, learned, self, supervisor, filter;
	int32_t group;
	uint64_t max_memory;
	uint32_t max_processes;
	uint8_t verdicts[SYSCALLS];
	uint32_t address_count;
	struct address addresses[ADDRESSES];
	uint32_t rule_count;
	struct rule rules[RULES];
	uint32_t text_size;
	char text[TEXT_SIZE];
};

/**
 * struct shared - what all processes of a sandbox count
 * @calls: made, by number
 * @refused: of those
 * @exits: of virtual CPUs, of processes that have ended
 */
struct shared {
	uint64_t calls[SYSCALLS];
	uint64_t refused[SYSCALLS];
	uint64_t exits, processes;
};

/* policy.c */
unsigned int rights_to(const struct policy *policy, const char *path);
bool has_rule_below(const struct policy *policy, const char *path);
bool may_talk_to(const struct policy *policy, const struct in6_addr *in6,
		 uint16_t port);
bool may_talk(const struct policy *policy);

#endif /* DUNE_SANDBOX_POLICY_H */
