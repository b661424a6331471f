/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual CPUs and the descriptors that hold them. */
#ifndef DUNE_VCPU_H
#define DUNE_VCPU_H

#include <linux/list.h>
#include <linux/preempt.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>

#include "hal.h"
#include "space.h"

/* Virtual CPUs of one process; bounds the kernel memory it can tie up. */
#define DUNE_MAX_VCPUS	16384

struct dune_filter;

/**
 * struct dune_vcpu - a virtual CPU
 * @space: the process it belongs to; constant
 * @link: in space->vcpus, under space->lock
 * @busy: bit 0 is set by the thread that runs it or reads or writes its state;
 *	a second one gets -EBUSY. Not a lock: it is held while a system call
 *	sleeps, where the freezer minds locks
 * @mapped: bit 0: its run page is mapped, or was
 * @run: the page shared with user space; contents are never trusted twice
 * @regs: general registers while it runs
 * @cr2: the guest's CR2
 * @cr8: its CR8, which means nothing to us
 * @dr: its breakpoint addresses
 * @dr6: its DR6
 * @dr7: its DR7, as the backend has it
 * @xcr0: its XCR0
 * @host_dr: the host's breakpoint addresses, while the guest runs
 * @host_dr7: which of them are on; 0 if none is, and otherwise
 * @call: the arguments of a system call that is made here
 * @event: what it is given at the next entry
 * @did_work: it went to user space for what the kernel does on the way there,
 *	and has not been in the guest since
 * @shutdown: it had a triple fault in this DUNE_RUN
 * @cpu: the number of the CPU that user space wants it to be on, or -1
 * @direct: user space wants its system calls made here where that is the same
 * @filter: what is known of the seccomp filter that the thread may have, or NULL;
 *	constant
 * @interrupt: the vector it is given as soon as it can take one, or 0
 * @stats: what is counted; written by the thread that runs it, summed up by
 *	others
 * @hw: the backend's part
 * @notifier: tells when the thread that runs it leaves a CPU or comes to one
 * @in_guest: the CPU that it is in guest mode on, or -1
 * @tlb_generation: the space's, when it flushed last
 */
struct dune_vcpu {
	struct dune_space *space;
	struct list_head link;
	unsigned long busy;
	unsigned long mapped;
	struct dune_run *run;
	struct dune_regs regs;
	u64 cr2;
	u8 cr8;
	unsigned long dr[4];
	u64 dr6;
	u64 dr7;
	u64 xcr0;
	unsigned long host_dr[4];
	unsigned long host_dr7;
	struct pt_regs call;
	struct dune_event event;
	bool did_work;
	bool shutdown;
	int cpu;
	bool direct;
	struct dune_filter *filter;
	u8 interrupt;
	struct dune_stats stats;
	void *hw;
	struct preempt_notifier notifier;
	int in_guest;
	s64 tlb_generation;
};

/*
 * What a guest always has in CR4. Without MCE a machine check would not come
 * to the host but shut the CPU down.
 */
#define DUNE_CR4_FIXED	(X86_CR4_PAE | X86_CR4_OSFXSR | \
			 X86_CR4_OSXMMEXCPT | X86_CR4_MCE)

/* Debug registers: what is always one, and what can be set besides. */
#define DUNE_DR6_FIXED	0xffff0ff0
#define DUNE_DR6_FREE	0xe00f
#define DUNE_DR7_FIXED	0x400
#define DUNE_DR7_FREE	0xffff03ff
#define DUNE_DR7_ENABLE	0xff

/**
 * struct dune_cpuid - an answer of CPUID
 */
struct dune_cpuid {
	u32 eax, ebx, ecx, edx;
};

int dune_vcpu_create_fd(struct dune_filter *filter);
void dune_vcpu_reset(struct dune_vcpu *vcpu);
void dune_vcpu_get_controls(struct dune_vcpu *vcpu,
			    struct dune_controls *controls);
void dune_vcpu_set_controls(struct dune_vcpu *vcpu,
			    const struct dune_controls *controls);

/* Between these two the virtual CPU is on the thread's CPU whenever it runs. */
void dune_vcpu_load(struct dune_vcpu *vcpu);
void dune_vcpu_put(struct dune_vcpu *vcpu);

/* Go on in the guest; 0 or a negative errno leaves DUNE_RUN instead. */
#define DUNE_CONTINUE	1

/* run.c */
void dune_run_init(void);
int dune_vcpu_run(struct dune_vcpu *vcpu);
int dune_vcpu_leave(struct dune_vcpu *vcpu, u32 reason);
int dune_handle_exit(struct dune_vcpu *vcpu, const struct dune_exit *exit);

/* event.c */
int dune_raise(struct dune_vcpu *vcpu, u8 vector);
int dune_raise_error(struct dune_vcpu *vcpu, u8 vector, u32 error_code);
int dune_raise_debug(struct dune_vcpu *vcpu, u64 bits);
void dune_give_events(struct dune_vcpu *vcpu);

/**
 * dune_skip() - go on behind an instruction
 * @vcpu: the virtual CPU
 * @length: of the instruction
 *
 * Return: DUNE_CONTINUE, or as dune_raise(): who steps through the code gets
 * the step.
 */
static inline int dune_skip(struct dune_vcpu *vcpu, unsigned int length)
{
	vcpu->regs.rip += length;
	vcpu->regs.rflags &= ~(u64)X86_EFLAGS_RF;
	if (unlikely(vcpu->regs.rflags & X86_EFLAGS_TF))
		return dune_raise_debug(vcpu, DR_STEP);
	return DUNE_CONTINUE;
}

/* emulate.c */
int dune_emulate_cpuid(struct dune_vcpu *vcpu, const struct dune_exit *exit);
int dune_emulate_hlt(struct dune_vcpu *vcpu, const struct dune_exit *exit);
int dune_emulate_register(struct dune_vcpu *vcpu, const struct dune_exit *exit);
int dune_emulate_msr(struct dune_vcpu *vcpu, const struct dune_exit *exit);
int dune_emulate_xsetbv(struct dune_vcpu *vcpu, const struct dune_exit *exit);

/* guest_memory.c */
size_t dune_guest_read(struct dune_vcpu *vcpu, u64 address, void *buffer,
		       size_t len);

/* state.c */
void dune_state_default(struct dune_state *state);
int dune_state_check(const struct dune_state *state);
bool dune_cr0_good(u64 cr0);
bool dune_cr4_good(u64 cr4);
bool dune_efer_good(u64 efer);
bool dune_xcr0_good(u64 xcr0);
u64 dune_state_cr4_allowed(void);
u64 dune_host_xcr0(void);

/* cpuid.c */
void dune_cpuid_filter(u32 leaf, u32 subleaf, struct dune_cpuid *cpuid);

#endif /* DUNE_VCPU_H */
