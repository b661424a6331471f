/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints: into the guest, out of it, and what was done about it. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dune

#if !defined(DUNE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DUNE_TRACE_H

#include <linux/tracepoint.h>

#include "hal.h"

TRACE_EVENT(dune_entry,
	TP_PROTO(u64 rip),
	TP_ARGS(rip),
	TP_STRUCT__entry(
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->rip = rip;
	),
	TP_printk("rip %llx", __entry->rip)
);

#define DUNE_TRACE_REASONS				\
	{ DUNE_HW_HOST, "host" },			\
	{ DUNE_HW_HYPERCALL, "hypercall" },		\
	{ DUNE_HW_NESTED_FAULT, "nested_fault" },	\
	{ DUNE_HW_CPUID, "cpuid" },			\
	{ DUNE_HW_XSETBV, "xsetbv" },			\
	{ DUNE_HW_HALT, "halt" },			\
	{ DUNE_HW_REGISTER, "register" },		\
	{ DUNE_HW_MSR, "msr" },				\
	{ DUNE_HW_FORBIDDEN, "forbidden" },		\
	{ DUNE_HW_UNDEFINED, "undefined" },		\
	{ DUNE_HW_EXCEPTION, "exception" },		\
	{ DUNE_HW_WINDOW, "window" },			\
	{ DUNE_HW_SHUTDOWN, "shutdown" },		\
	{ DUNE_HW_INVALID, "invalid" },			\
	{ DUNE_HW_UNKNOWN, "unknown" }

TRACE_EVENT(dune_exit,
	TP_PROTO(const struct dune_exit *exit, u64 rip),
	TP_ARGS(exit, rip),
	TP_STRUCT__entry(
		__field(u32, reason)
		__field(u32, cpl)
		__field(u64, hardware)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->reason = exit->reason;
		__entry->cpl = exit->cpl;
		__entry->hardware = exit->hardware_reason;
		__entry->rip = rip;
	),
	TP_printk("reason %s (%llx) rip %llx ring %u",
		  __print_symbolic(__entry->reason, DUNE_TRACE_REASONS),
		  __entry->hardware, __entry->rip, __entry->cpl)
);

TRACE_EVENT(dune_nested_fault,
	TP_PROTO(const struct dune_exit *exit, u64 address, int err),
	TP_ARGS(exit, address, err),
	TP_STRUCT__entry(
		__field(u64, gpa)
		__field(u64, address)
		__field(bool, write)
		__field(bool, fetch)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->gpa = exit->gpa;
		__entry->address = address;
		__entry->write = exit->write;
		__entry->fetch = exit->fetch;
		__entry->err = err;
	),
	TP_printk("gpa %llx address %llx %s result %d", __entry->gpa,
		  __entry->address, __entry->write ? "write" :
		  __entry->fetch ? "fetch" : "read", __entry->err)
);

TRACE_EVENT(dune_inject,
	TP_PROTO(const struct dune_event *event),
	TP_ARGS(event),
	TP_STRUCT__entry(
		__field(u32, vector)
		__field(u32, error_code)
		__field(bool, interrupt)
	),
	TP_fast_assign(
		__entry->vector = event->vector;
		__entry->error_code = event->error_code;
		__entry->interrupt = event->type == DUNE_EVENT_INTERRUPT;
	),
	TP_printk("%s %u error code %x",
		  __entry->interrupt ? "interrupt" : "exception",
		  __entry->vector, __entry->error_code)
);

TRACE_EVENT(dune_syscall,
	TP_PROTO(u64 number, long result, bool direct),
	TP_ARGS(number, result, direct),
	TP_STRUCT__entry(
		__field(u64, number)
		__field(long, result)
		__field(bool, direct)
	),
	TP_fast_assign(
		__entry->number = number;
		__entry->result = result;
		__entry->direct = direct;
	),
	TP_printk("number %llu %s result %ld", __entry->number,
		  __entry->direct ? "direct" : "plain", __entry->result)
);

#endif /* DUNE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
