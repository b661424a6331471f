// SPDX-License-Identifier: GPL-2.0-only
/* What the guest is given: exceptions and interrupts. */
#include <linux/module.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "hardware.h"
#include "trace.h"
#include "vcpu.h"

/* Intel SDM, "Interrupt 8 - Double Fault Exception (#DF)", its first table */
static bool is_contributory(u8 vector)
{
	return vector == X86_TRAP_DE ||
	       (vector >= X86_TRAP_TS && vector <= X86_TRAP_GP);
}

static bool is_double_fault(u8 first, u8 second)
{
	if (first == X86_TRAP_PF)
		return is_contributory(second) || second == X86_TRAP_PF;
	return is_contributory(first) && is_contributory(second);
}

static bool is_triple_fault(u8 first, u8 second)
{
	return first == X86_TRAP_DF &&
	       (is_contributory(second) || second == X86_TRAP_PF);
}

/*
 * The guest may have been about to get something else. An exception that comes
 * from an instruction is lost, and comes again with it; an interrupt waits.
 */
static int raise(struct dune_vcpu *vcpu, struct dune_event event)
{
	const struct dune_event *first = &vcpu->event;

	if (first->type == DUNE_EVENT_INTERRUPT) {
		vcpu->interrupt = first->vector;
	} else if (first->type == DUNE_EVENT_EXCEPTION) {
		if (is_triple_fault(first->vector, event.vector))
			return dune_vcpu_leave(vcpu, DUNE_EXIT_SHUTDOWN);
		if (is_double_fault(first->vector, event.vector)) {
			event.vector = X86_TRAP_DF;
			event.has_error_code = true;
			event.error_code = 0;
		}
	}
	vcpu->event = event;
	return DUNE_CONTINUE;
}

/*
 * The frame of a fault has RF set, so that IRET goes on with the instruction
 * whatever breakpoint is there (Intel SDM, "Instruction-Breakpoint Exception
 * Condition"). An injection leaves that to us.
 */
static int raise_fault(struct dune_vcpu *vcpu, struct dune_event event)
{
	vcpu->regs.rflags |= X86_EFLAGS_RF;
	return raise(vcpu, event);
}

/**
 * dune_raise() - give the guest a fault without error code
 * @vcpu: the virtual CPU
 * @vector: which
 *
 * Return: DUNE_CONTINUE, or as dune_vcpu_leave() when it was one too many.
 */
int dune_raise(struct dune_vcpu *vcpu, u8 vector)
{
	return raise_fault(vcpu, (struct dune_event) {
		.type = DUNE_EVENT_EXCEPTION,
		.vector = vector,
	});
}

/**
 * dune_raise_error() - give the guest a fault with an error code
 * @vcpu: the virtual CPU
 * @vector: which
 * @error_code: the error code
 *
 * Return: as dune_raise().
 */
int dune_raise_error(struct dune_vcpu *vcpu, u8 vector, u32 error_code)
{
	return raise_fault(vcpu, (struct dune_event) {
		.type = DUNE_EVENT_EXCEPTION,
		.vector = vector,
		.has_error_code = true,
		.error_code = error_code,
	});
}

/**
 * dune_raise_debug() - give the guest a debug exception
 * @vcpu: the virtual CPU
 * @bits: what it sets in DR6
 *
 * Return: as dune_raise().
 */
int dune_raise_debug(struct dune_vcpu *vcpu, u64 bits)
{
	vcpu->dr6 = (vcpu->dr6 & ~(u64)DR_TRAP_BITS) | bits;
	return raise(vcpu, (struct dune_event) {
		.type = DUNE_EVENT_EXCEPTION,
		.vector = X86_TRAP_DB,
	});
}

/**
 * dune_give_events() - hand over what waits for the guest
 * @vcpu: loaded, about to be entered; interrupts are off
 */
void dune_give_events(struct dune_vcpu *vcpu)
{
	const struct dune_hal *hal = dune_hardware.hal;

	if (vcpu->interrupt && vcpu->event.type == DUNE_EVENT_NONE &&
	    hal->interrupt_window(vcpu)) {
		vcpu->event = (struct dune_event) {
			.type = DUNE_EVENT_INTERRUPT,
			.vector = vcpu->interrupt,
		};
		vcpu->interrupt = 0;
	}
	if (vcpu->event.type == DUNE_EVENT_NONE)
		return;
	trace_dune_inject(&vcpu->event);
	vcpu->stats.injected++;
	hal->inject(vcpu, &vcpu->event);
}
