/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels we support (6.1 to 7.2), and nothing
 * else. The version is the first one that has the newer form.
 */
#ifndef DUNE_COMPAT_H
#define DUNE_COMPAT_H

#include <linux/version.h>
#include <linux/syscore_ops.h>

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

#endif /* DUNE_COMPAT_H */
