// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that are executed in the guest's place. */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "decode.h"
#include "hardware.h"
#include "vcpu.h"

#define CPUID_XSTATE		0xd
#define LEAF1_ECX_OSXSAVE	BIT(27)
#define LEAF7_ECX_OSPKE		BIT(4)
#define DR7_DETECT		BIT(13)

static int refuse(struct dune_vcpu *vcpu)
{
	return dune_raise_error(vcpu, X86_TRAP_GP, 0);
}

/* Some answers depend on XCR0, which is not the guest's out here. */
static void ask_cpuid(struct dune_vcpu *vcpu, struct dune_cpuid *answer)
{
	u32 leaf = vcpu->regs.rax, subleaf = vcpu->regs.rcx;
	u64 host_xcr0 = dune_host_xcr0();
	bool switch_xcr0 = leaf == CPUID_XSTATE && vcpu->xcr0 != host_xcr0;
	unsigned long flags;

	local_irq_save(flags);
	if (switch_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
	cpuid_count(leaf, subleaf, &answer->eax, &answer->ebx, &answer->ecx,
		    &answer->edx);
	if (switch_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
	local_irq_restore(flags);
}

/* Bits that tell what the guest itself turned on. */
static void show_controls(struct dune_vcpu *vcpu, u32 leaf, u32 subleaf,
			  u32 *ecx)
{
	struct dune_controls controls;

	if (leaf != 1 && (leaf != 7 || subleaf))
		return;
	dune_vcpu_get_controls(vcpu, &controls);
	if (leaf == 1) {
		*ecx &= ~LEAF1_ECX_OSXSAVE;
		*ecx |= controls.cr4 & X86_CR4_OSXSAVE ? LEAF1_ECX_OSXSAVE : 0;
	} else {
		*ecx &= ~LEAF7_ECX_OSPKE;
		*ecx |= controls.cr4 & X86_CR4_PKE ? LEAF7_ECX_OSPKE : 0;
	}
}

/**
 * dune_emulate_cpuid() - CPUID
 * @vcpu: the virtual CPU
 * @exit: its exit
 *
 * Return: as dune_skip().
 */
int dune_emulate_cpuid(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	struct dune_regs *regs = &vcpu->regs;
	u32 leaf = regs->rax, subleaf = regs->rcx;
	struct dune_cpuid answer;

	ask_cpuid(vcpu, &answer);
	dune_cpuid_filter(leaf, subleaf, &answer);
	show_controls(vcpu, leaf, subleaf, &answer.ecx);
	regs->rax = answer.eax;
	regs->rbx = answer.ebx;
	regs->rcx = answer.ecx;
	regs->rdx = answer.edx;
	return dune_skip(vcpu, exit->instruction_length);
}

/**
 * dune_emulate_hlt() - HLT: sleep until a signal
 * @vcpu: the virtual CPU
 * @exit: its exit
 *
 * Return: -EINTR; as dune_raise() outside of ring 0.
 */
int dune_emulate_hlt(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	int ret;

	if (exit->cpl)
		return refuse(vcpu);
	ret = dune_skip(vcpu, exit->instruction_length);
	/* Nothing but a signal can wake it, or the step that it just made. */
	if (ret != DUNE_CONTINUE || vcpu->event.type != DUNE_EVENT_NONE)
		return ret;
	/* The interrupt that waits may have waited for this, behind an STI. */
	if (vcpu->interrupt && vcpu->regs.rflags & X86_EFLAGS_IF)
		return ret;
	set_current_state(TASK_INTERRUPTIBLE);
	while (!signal_pending(current)) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return -EINTR;
}

static bool read_control(struct dune_vcpu *vcpu, unsigned int number, u64 *value)
{
	struct dune_controls controls;

	dune_vcpu_get_controls(vcpu, &controls);
	switch (number) {
	case 0:
		*value = controls.cr0;
		return true;
	case 4:
		*value = controls.cr4;
		return true;
	case 8:
		*value = vcpu->cr8;
		return true;
	default:
		return false;
	}
}

static bool write_control(struct dune_vcpu *vcpu, unsigned int number,
			  u64 value)
{
	struct dune_controls controls;
	bool good;

	dune_vcpu_get_controls(vcpu, &controls);
	switch (number) {
	case 0:
		/* This bit is one whatever is written. */
		controls.cr0 = value | X86_CR0_ET;
		good = dune_cr0_good(controls.cr0);
		break;
	case 4:
		/* Intel SDM, "MOV - Move to/from Control Registers" */
		good = dune_cr4_good(value) &&
		       (!(value & ~controls.cr4 & X86_CR4_PCIDE) ||
			!(controls.cr3 & 0xfff));
		controls.cr4 = value;
		break;
	case 8:
		good = value <= 15;
		if (good)
			vcpu->cr8 = value;
		return good;
	default:
		return false;
	}
	if (good)
		dune_vcpu_set_controls(vcpu, &controls);
	return good;
}

static int move_control(struct dune_vcpu *vcpu, const struct dune_move *move)
{
	u64 *general = (u64 *)&vcpu->regs + move->general;

	if (!(move->write ? write_control(vcpu, move->number, *general) :
			    read_control(vcpu, move->number, general)))
		return refuse(vcpu);
	return dune_skip(vcpu, move->length);
}

static u64 read_debug(const struct dune_vcpu *vcpu, unsigned int number)
{
	if (number < 4)
		return vcpu->dr[number];
	return number == 6 ? vcpu->dr6 : vcpu->dr7;
}

static bool write_debug(struct dune_vcpu *vcpu, unsigned int number, u64 value)
{
	struct dune_controls controls;

	if (number < 4) {
		vcpu->dr[number] = value;
		return true;
	}
	if (value >> 32)
		return false;
	if (number == 6) {
		vcpu->dr6 = (value & DUNE_DR6_FREE) | DUNE_DR6_FIXED;
		return true;
	}
	/* Not to be had: the exception at each MOV to a debug register. */
	if (value & DR7_DETECT)
		return false;
	dune_vcpu_get_controls(vcpu, &controls);
	controls.dr7 = (value & DUNE_DR7_FREE) | DUNE_DR7_FIXED;
	dune_vcpu_set_controls(vcpu, &controls);
	return true;
}

static int move_debug(struct dune_vcpu *vcpu, const struct dune_move *move)
{
	u64 *general = (u64 *)&vcpu->regs + move->general;
	unsigned int number = move->number;
	struct dune_controls controls;

	if (number == 4 || number == 5) {
		/* The old names, or none (Intel SDM, "Debug Registers DR4 and DR5"). */
		dune_vcpu_get_controls(vcpu, &controls);
		if (controls.cr4 & X86_CR4_DE)
			return dune_raise(vcpu, X86_TRAP_UD);
		number += 2;
	}
	if (number > 7)
		return dune_raise(vcpu, X86_TRAP_UD);
	if (!move->write)
		*general = read_debug(vcpu, number);
	else if (!write_debug(vcpu, number, *general))
		return refuse(vcpu);
	return dune_skip(vcpu, move->length);
}

/**
 * dune_emulate_register() - MOV to or from a control or debug register
 * @vcpu: the virtual CPU
 * @exit: its exit
 *
 * Anything else that gets here, like LMSW, is refused.
 *
 * Return: as dune_skip() or dune_raise().
 */
int dune_emulate_register(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	u8 bytes[DUNE_INSTRUCTION_MAX];
	struct dune_move move;
	size_t len;

	if (exit->cpl)
		return refuse(vcpu);
	len = dune_guest_read(vcpu, vcpu->regs.rip, bytes, sizeof(bytes));
	if (!dune_decode_move(bytes, len, &move))
		return refuse(vcpu);
	return move.debug ? move_debug(vcpu, &move) :
			    move_control(vcpu, &move);
}

/**
 * dune_emulate_msr() - RDMSR and WRMSR: of EFER, no other
 * @vcpu: the virtual CPU
 * @exit: its exit
 *
 * Return: as dune_skip() or dune_raise().
 */
int dune_emulate_msr(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	struct dune_regs *regs = &vcpu->regs;
	struct dune_controls controls;

	if (exit->cpl || (u32)regs->rcx != MSR_EFER)
		return refuse(vcpu);
	dune_vcpu_get_controls(vcpu, &controls);
	if (exit->write) {
		controls.efer = (u32)regs->rax | regs->rdx << 32;
		if (!dune_efer_good(controls.efer))
			return refuse(vcpu);
		dune_vcpu_set_controls(vcpu, &controls);
	} else {
		regs->rax = (u32)controls.efer;
		regs->rdx = controls.efer >> 32;
	}
	return dune_skip(vcpu, exit->instruction_length);
}

/**
 * dune_emulate_xsetbv() - XSETBV: no more than the host has
 * @vcpu: the virtual CPU
 * @exit: its exit
 *
 * Return: as dune_skip() or dune_raise().
 */
int dune_emulate_xsetbv(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	struct dune_regs *regs = &vcpu->regs;
	u64 value = (u32)regs->rax | regs->rdx << 32;

	if (exit->cpl || (u32)regs->rcx || !dune_xcr0_good(value))
		return refuse(vcpu);
	vcpu->xcr0 = value;
	return dune_skip(vcpu, exit->instruction_length);
}
