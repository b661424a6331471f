/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels we support (6.1 to 7.2), and nothing
 * else. The version is the first one that has the newer form.
 */
#ifndef DUNE_COMPAT_H
#define DUNE_COMPAT_H

#include <linux/version.h>
#include <linux/syscore_ops.h>
#include <linux/static_call.h>
#include <linux/thread_info.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/tlbflush.h>

/* 6.16: CPUID has a header of its own, which others no longer include */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>
#endif

/* Symbols for the KUnit suites alone. 6.13: a namespace is a string */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define DUNE_KUNIT_NS "DUNE_KUNIT"
#else
#define DUNE_KUNIT_NS DUNE_KUNIT
#endif
#if IS_ENABLED(CONFIG_DUNE_KUNIT_TEST)
#define EXPORT_SYMBOL_IF_DUNE_KUNIT(sym) EXPORT_SYMBOL_NS_GPL(sym, DUNE_KUNIT_NS)
#define DUNE_IMPORT_KUNIT_NS MODULE_IMPORT_NS(DUNE_KUNIT_NS)
#else
#define EXPORT_SYMBOL_IF_DUNE_KUNIT(sym)
#endif

/* 7.0: syscore callbacks take a context pointer and are a struct syscore */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define DUNE_DEFINE_SYSCORE(name, suspend_fn, resume_fn)		\
	static int name##_suspend(void *data) { return suspend_fn(); }	\
	static void name##_resume(void *data) { resume_fn(); }		\
	static const struct syscore_ops name##_ops = {			\
		.suspend = name##_suspend,				\
		.resume = name##_resume,				\
	};								\
	static struct syscore name = { .ops = &name##_ops }
#define dune_register_syscore(s)	register_syscore(s)
#define dune_unregister_syscore(s)	unregister_syscore(s)
#else
#define DUNE_DEFINE_SYSCORE(name, suspend_fn, resume_fn)		\
	static struct syscore_ops name = {				\
		.suspend = suspend_fn,					\
		.resume = resume_fn,					\
	}
#define dune_register_syscore(s)	register_syscore_ops(s)
#define dune_unregister_syscore(s)	unregister_syscore_ops(s)
#endif

/* 6.16: 64-bit MSR accessors end in q; their old names are gone later */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define rdmsrq(msr, value)		rdmsrl(msr, value)
#define wrmsrq(msr, value)		wrmsrl(msr, value)
#define rdmsrq_safe(msr, value)		rdmsrl_safe(msr, value)
#define wrmsrq_safe(msr, value)		wrmsrl_safe(msr, value)
#endif

/* 6.3: a mapping's flags are changed through functions only */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define dune_vm_flags_set(vma, set)	((vma)->vm_flags |= (set))
#else
#define dune_vm_flags_set(vma, set)	vm_flags_set(vma, set)
#endif

/* 6.12: the control is named like its neighbours */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define SECONDARY_EXEC_ENABLE_XSAVES	SECONDARY_EXEC_XSAVES
#endif

/* 7.0: whether a page was used is a yes or no */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define dune_young_t	int
#else
#define dune_young_t	bool
#endif

/*
 * 6.18: some functions are exported to KVM alone; see kernel_function.c.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define DUNE_KERNEL_IS_FOR_KVM
DECLARE_STATIC_CALL(dune_load_fpu, switch_fpu_return);
DECLARE_STATIC_CALL(dune_update_cr4, cr4_update_irqsoff);
#define dune_load_fpu()			static_call(dune_load_fpu)()
#define dune_update_cr4(set, clear)	static_call(dune_update_cr4)(set, clear)
#else
#define dune_load_fpu()			switch_fpu_return()
#define dune_update_cr4(set, clear)	cr4_update_irqsoff(set, clear)
#endif

/* 6.9: another way into the kernel, for CPUs that have it */
#ifdef X86_FEATURE_FRED
#define dune_kernel_has_fred()	cpu_feature_enabled(X86_FEATURE_FRED)
#else
#define dune_kernel_has_fred()	false
#endif

/* 6.13: a reschedule that is not urgent */
#ifdef _TIF_NEED_RESCHED_LAZY
#define DUNE_TIF_RESCHED	(_TIF_NEED_RESCHED | _TIF_NEED_RESCHED_LAZY)
#else
#define DUNE_TIF_RESCHED	_TIF_NEED_RESCHED
#endif

/* A process has an LDT only where the kernel was built to make them. */
#ifdef CONFIG_MODIFY_LDT_SYSCALL
#define dune_has_ldt(mm)	READ_ONCE((mm)->context.ldt)
#else
#define dune_has_ldt(mm)	false
#endif

#endif /* DUNE_COMPAT_H */
