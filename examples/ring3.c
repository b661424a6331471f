// SPDX-License-Identifier: LGPL-2.1-or-later
/* Code that is not trusted, in ring 3: it has what it is shown. */
#include <dune/dune.h>

#include <errno.h>
#include <stdio.h>

#define CODE	0x100000000000UL	/* where ring 3 finds its code */

static char stack[DUNE_PAGE_SIZE] __attribute__((aligned(4096)));
static int secret = 1;

/* Calls nothing; asks by a system call that the kernel does not have. */
static long guest(void *argument)
{
	long result = 1000;

	if (argument)
		*(int *)argument = 2;
	__asm__ volatile("syscall" : "+a" (result) : "D" (20L)
			 : "rcx", "r11", "memory");
	return result;
}

static void answer(struct dune_frame *frame)
{
	frame->rax = frame->rax == 1000 ? frame->rdi + (frame->cs & 3) : 0;
}

static enum dune_verdict stop(uint64_t address, unsigned int error,
			      struct dune_frame *frame)
{
	if (address == (uint64_t)&secret && error & DUNE_FAULT_USER)
		dune_leave_user(frame, -EFAULT);
	return DUNE_PASS;
}

int main(void)
{
	uint64_t code = (uint64_t)guest & -DUNE_PAGE_SIZE;
	uint64_t start = CODE + (uint64_t)guest - code;

	if (dune_init(NULL) || dune_enter() ||
	    dune_map(dune_root_current(), (void *)CODE, 2 * DUNE_PAGE_SIZE,
		     (void *)code, DUNE_PTE_USER) ||
	    dune_protect(dune_root_current(), stack, sizeof(stack),
			 DUNE_PTE_USER, 0) ||
	    dune_set_syscall_handler(answer, 0) ||
	    dune_set_fault_handler(stop, 0)) {
		fprintf(stderr, "ring3: failed; hello says why, if it does too\n");
		return 1;
	}
	printf("answer: %ld\n", dune_call_user((long (*)(void *arg))start, NULL,
					       stack, sizeof(stack)));
	printf("theft: %ld\n", dune_call_user((long (*)(void *arg))start,
					      &secret, stack, sizeof(stack)));
	printf("secret: %d\n", secret);
	return 0;
}
