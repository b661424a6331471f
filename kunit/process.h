/* SPDX-License-Identifier: GPL-2.0-only */
/* A process with memory, on a machine whose backend is the fake. */
#ifndef DUNE_PROCESS_H
#define DUNE_PROCESS_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/mm_types.h>

#include "../core/vcpu.h"

/* For struct kunit_suite: test->priv is a struct process while a test runs. */
int process_init(struct kunit *test);
void process_exit(struct kunit *test);

/* Gives the machine that many bits, before the process has a virtual CPU. */
void process_set_phys_bits(unsigned int bits);

struct mm_struct *process_mm(struct kunit *test);
unsigned long process_map(struct kunit *test, unsigned long size,
			  unsigned long prot, unsigned long flags);
void process_write(struct kunit *test, unsigned long address, const void *from,
		   size_t len);
pte_t *process_pte(struct kunit *test, unsigned long address);
pud_t *process_pud(struct kunit *test, unsigned long address);

/* The thread is another process's while it does this. */
void process_leave(struct kunit *test);
void process_enter(struct kunit *test);

struct file *process_vcpu_file(struct kunit *test);
struct dune_vcpu *process_vcpu(struct kunit *test);
void process_close(struct kunit *test, struct file *file);
void process_end(struct kunit *test);
long process_ioctl(struct kunit *test, unsigned int request, void *arg);

/* DUNE_RUN on the first virtual CPU, with these exits. */
long process_run(struct kunit *test, const struct dune_exit *script,
		 unsigned int length);
#define RUN(test, ...) ({						\
	const struct dune_exit script[] = { __VA_ARGS__ };		\
									\
	process_run(test, script, ARRAY_SIZE(script));			\
})

/* The script of the last one was gone through, and the guest was to go on. */
bool process_ran_to_end(struct dune_vcpu *vcpu);
#define RUN_TO_END(test, vcpu, ...) do {				\
	struct kunit *_test = (test);					\
									\
	KUNIT_EXPECT_EQ(_test, 0L, RUN(_test, __VA_ARGS__));		\
	KUNIT_EXPECT_TRUE(_test, process_ran_to_end(vcpu));		\
} while (0)

/* The guest was given this, as the event of that number in the last run. */
#define NO_ERROR_CODE	(-1LL)
bool process_was_given(unsigned int number, u8 vector, s64 error_code);
#define EXPECT_EVENT(test, number, vector, error_code)			\
	KUNIT_EXPECT_TRUE(test, process_was_given(number, vector, error_code))

/* A signal for the thread, now or after a while; and none any more. */
void process_signal(void);
void process_signal_later(struct kunit *test, unsigned int ms);
void process_no_signal(void);

#endif /* DUNE_PROCESS_H */
