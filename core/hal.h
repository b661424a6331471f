/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hardware-abstraction layer: all that core/ knows of a vendor.
 *
 * A backend supplies mechanism only. What to do with it is core's decision,
 * and core names no vendor: everything it needs comes through these types.
 */
#ifndef DUNE_HAL_H
#define DUNE_HAL_H

#include <linux/types.h>
#include <uapi/linux/dune.h>

struct dune_vcpu;

/**
 * struct dune_caps - what a backend found in the CPU
 * @features: DUNE_FEATURE_* bits of the user interface
 * @nested_page_sizes: page sizes in bytes, or-ed together
 * @tlb_tags: address spaces that the TLB can tell apart, at least 1
 * @guest_phys_bits: width of a guest-physical address
 * @no_large_exec: a large page that can be executed may bring the machine down
 */
struct dune_caps {
	u64 features;
	u64 nested_page_sizes;
	u32 tlb_tags;
	u32 guest_phys_bits;
	bool no_large_exec;
};

/* Levels of a nested page table; an entry of level n maps 2^(12+9(n-1)) bytes. */
enum dune_level {
	DUNE_LEVEL_4K = 1,
	DUNE_LEVEL_2M,
	DUNE_LEVEL_1G,
	DUNE_LEVEL_TOP,
};

/**
 * struct dune_npt_format - how an entry of the nested page table is spelled
 * @table: bits of an entry that points to a table, beside its address
 * @read: bits of a leaf that may be read
 * @write: bits to add for one that may be written
 * @exec: bits to add for one that may be executed
 * @no_exec: bits to add for one that may not
 * @large: bit to add for a leaf above the lowest level
 * @writeback: memory type of ordinary memory
 * @uncached: memory type of device memory
 * @accessed: set by the CPU, zero if it does not
 * @dirty: likewise
 *
 * The address is in bits 12 to 51 and an entry of zero is not present, with
 * every vendor.
 */
struct dune_npt_format {
	u64 table;
	u64 read;
	u64 write;
	u64 exec;
	u64 no_exec;
	u64 large;
	u64 writeback;
	u64 uncached;
	u64 accessed;
	u64 dirty;
};

/**
 * enum dune_hw_exit - why the CPU left the guest
 * @DUNE_HW_HOST: something for the host, which has been taken care of or is
 *	pending; the guest may go on
 * @DUNE_HW_HYPERCALL: the guest executed the hypercall instruction
 * @DUNE_HW_NESTED_FAULT: the nested page table did not allow an access
 * @DUNE_HW_CPUID: the guest executed CPUID
 * @DUNE_HW_XSETBV: the guest executed XSETBV
 * @DUNE_HW_HALT: the guest executed HLT
 * @DUNE_HW_REGISTER: the guest executed a MOV to or from a control or debug
 *	register that it has not for itself
 * @DUNE_HW_MSR: the guest executed RDMSR or WRMSR for an MSR that it has not
 *	for itself
 * @DUNE_HW_FORBIDDEN: the guest executed something that gets it #GP
 * @DUNE_HW_UNDEFINED: the guest executed something that it has not (#UD)
 * @DUNE_HW_EXCEPTION: an exception that must be looked at before the guest
 *	gets it
 * @DUNE_HW_WINDOW: the guest can take an interrupt, as core wanted to know
 * @DUNE_HW_SHUTDOWN: triple fault
 * @DUNE_HW_INVALID: the CPU refused the guest's state
 * @DUNE_HW_UNKNOWN: anything else
 *
 * User space counts them by DUNE_STAT_* of the interface, in the same order.
 */
enum dune_hw_exit {
	DUNE_HW_HOST,
	DUNE_HW_HYPERCALL,
	DUNE_HW_NESTED_FAULT,
	DUNE_HW_CPUID,
	DUNE_HW_XSETBV,
	DUNE_HW_HALT,
	DUNE_HW_REGISTER,
	DUNE_HW_MSR,
	DUNE_HW_FORBIDDEN,
	DUNE_HW_UNDEFINED,
	DUNE_HW_EXCEPTION,
	DUNE_HW_WINDOW,
	DUNE_HW_SHUTDOWN,
	DUNE_HW_INVALID,
	DUNE_HW_UNKNOWN,
};

/**
 * enum dune_event_type - what the guest is given
 * @DUNE_EVENT_NONE: nothing
 * @DUNE_EVENT_EXCEPTION: an exception
 * @DUNE_EVENT_INTERRUPT: an external interrupt
 */
enum dune_event_type {
	DUNE_EVENT_NONE,
	DUNE_EVENT_EXCEPTION,
	DUNE_EVENT_INTERRUPT,
};

/**
 * struct dune_event - what the guest is given at an entry
 * @type: enum dune_event_type
 * @vector: 0 to 31 for an exception, 32 to 255 for an interrupt
 * @has_error_code: it pushes one
 * @error_code: which
 */
struct dune_event {
	u8 type;
	u8 vector;
	bool has_error_code;
	u32 error_code;
};

/**
 * struct dune_exit - an exit from the guest, decoded
 * @reason: why
 * @cpl: the ring that the guest was in
 * @instruction_length: of the instruction that exited; 0 where it is none, and
 *	for DUNE_HW_REGISTER, whose instruction core has to look at
 * @hardware_reason: the CPU's own code, to tell user space
 * @interrupted: what the guest was about to be given; it has not got it. What
 *	an instruction raised is not told: that will be executed again.
 * @gpa: DUNE_HW_NESTED_FAULT: what was accessed
 * @write: DUNE_HW_NESTED_FAULT: it was written; DUNE_HW_MSR: WRMSR
 * @fetch: DUNE_HW_NESTED_FAULT: it was to be executed
 * @vector: DUNE_HW_EXCEPTION: which
 * @debug: DUNE_HW_EXCEPTION, a debug exception: what sets bits in DR6
 */
struct dune_exit {
	enum dune_hw_exit reason;
	u8 cpl;
	u8 instruction_length;
	u64 hardware_reason;
	struct dune_event interrupted;
	u64 gpa;
	bool write;
	bool fetch;
	u8 vector;
	u64 debug;
};

/**
 * struct dune_controls - the registers that say how the guest runs
 * @cr0: as the guest sees it
 * @cr3: likewise
 * @cr4: likewise
 * @efer: likewise
 * @dr7: likewise
 */
struct dune_controls {
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 dr7;
};

/**
 * struct dune_hal - one backend
 * @name: for the log
 * @backend: enum dune_backend, to tell user space
 * @hypercall: the bytes of the instruction that calls core from the guest
 * @hypercall_len: how many of them
 * @npt: how nested page tables are spelled, valid after @probe
 *
 * @probe: Look at the CPU, touching nothing.
 *	Return 0 with @caps filled; -ENODEV when this is another vendor's CPU
 *	or it has no virtualization, -EPERM when the firmware disabled it,
 *	-EOPNOTSUPP when something that Dune cannot do without is missing; in
 *	the last three cases @why is one sentence for the log.
 * @setup: Allocate what the CPUs need, once, after @probe. Return 0 or
 *	-ENOMEM. May sleep.
 * @teardown: Free it, with virtualization off everywhere.
 *
 * @cpu_enable: Turn virtualization on, on this CPU. Return 0; -EBUSY when
 *	somebody else has it on (then nothing was changed); -EIO when the CPU
 *	refuses. Interrupts are off.
 * @cpu_disable: Turn it off again, on this CPU, after a successful
 *	@cpu_enable. Interrupts are off.
 *
 * @vcpu_create: Make the hardware's part of a virtual CPU, in vcpu->hw; core
 *	gives it a state before it runs. Return 0 or -ENOMEM.
 * @vcpu_destroy: Free it; it is loaded nowhere.
 * @vcpu_load: Make it ready to run on this CPU. Preemption is off.
 * @vcpu_put: The opposite, on the same CPU: the host's state is its own
 *	again. Preemption is off.
 * @vcpu_run: Run it until the next exit. vcpu->regs go in and come out. Of the
 *	exit it fills in what the reason has; the instruction's length, what was
 *	interrupted and the bits of DR6 are none until it does. Interrupts are
 *	off, and stay so. Called through a static call, set by dune_run_init().
 * @vcpu_flush: Forget translations cached for it, before it runs again.
 *	It is loaded.
 * @get_state: Read the segments, tables and system-call MSRs. Loaded.
 * @set_state: Write them; core has checked them. Loaded.
 * @get_controls: Read the control registers. Loaded.
 * @set_controls: Write them; core has checked them, and flushes. Loaded.
 * @inject: Give the guest an event at the entry that follows at once. Loaded.
 * @interrupt_window: Can the guest take an interrupt at the next entry? If not,
 *	have it exit with DUNE_HW_WINDOW as soon as it can. Loaded.
 */
struct dune_hal {
	const char *name;
	u32 backend;
	u8 hypercall[4];
	u32 hypercall_len;
	const struct dune_npt_format *npt;

	int (*probe)(struct dune_caps *caps, const char **why);
	int (*setup)(void);
	void (*teardown)(void);

	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	int (*vcpu_create)(struct dune_vcpu *vcpu);
	void (*vcpu_destroy)(struct dune_vcpu *vcpu);
	void (*vcpu_load)(struct dune_vcpu *vcpu);
	void (*vcpu_put)(struct dune_vcpu *vcpu);
	void (*vcpu_run)(struct dune_vcpu *vcpu, struct dune_exit *exit);
	void (*vcpu_flush)(struct dune_vcpu *vcpu);
	void (*get_state)(struct dune_vcpu *vcpu, struct dune_state *state);
	void (*set_state)(struct dune_vcpu *vcpu,
			  const struct dune_state *state);
	void (*get_controls)(struct dune_vcpu *vcpu,
			     struct dune_controls *controls);
	void (*set_controls)(struct dune_vcpu *vcpu,
			     const struct dune_controls *controls);
	void (*inject)(struct dune_vcpu *vcpu, const struct dune_event *event);
	bool (*interrupt_window)(struct dune_vcpu *vcpu);
};

extern const struct dune_hal dune_vmx_hal;
extern const struct dune_hal dune_svm_hal;

#endif /* DUNE_HAL_H */
