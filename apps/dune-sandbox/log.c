// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What becomes of a call that the policy does not allow: a line in the log, then
 * an error or the end. While a policy is being learned it is made, and the line
 * is what would allow it.
 */
#include "sandbox.h"

#include <errno.h>
#include <signal.h>

#define LINE	(PATH_MAX + 512)

static const struct {
	int number;
	const char *name;
} errors[] = {
	{ EPERM, "EPERM" }, { EACCES, "EACCES" }, { ENOENT, "ENOENT" },
	{ ENOSYS, "ENOSYS" }, { EINVAL, "EINVAL" }, { EAGAIN, "EAGAIN" },
	{ EAFNOSUPPORT, "EAFNOSUPPORT" }, { ESRCH, "ESRCH" },
	{ ENOTTY, "ENOTTY" }, { EFAULT, "EFAULT" },
	{ EPROTONOSUPPORT, "EPROTONOSUPPORT" }, { ENOPROTOOPT, "ENOPROTOOPT" },
};

static char *put_error(char *to, char *end, long error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].number == error)
			return text_put(to, end, errors[i].name);
	return text_put_number(text_put(to, end, "error "), end, error, 10);
}

static char *put_call(char *to, char *end, const struct dune_frame *frame)
{
	unsigned int i;

	if (frame->rax < SYSCALLS && calls[frame->rax].name)
		to = text_put(to, end, calls[frame->rax].name);
	else
		to = text_put_number(text_put(to, end, "call "), end,
				     frame->rax, 10);
	for (i = 0; i < 6; i++) {
		to = text_put(to, end, i ? ", 0x" : "(0x");
		to = text_put_number(to, end, argument(frame, i), 16);
	}
	return text_put(to, end, ")");
}

/* What a program wrote may have anything in it; a line is to be one. */
static char *put_quoted(char *to, char *end, const char *text)
{
	char one[2] = "";

	for (; *text; text++) {
		one[0] = *text;
		if (*text >= ' ' && *text != 127 && *text != '\\') {
			to = text_put(to, end, one);
			continue;
		}
		to = text_put(to, end, "\\x");
		to = text_put_number(to, end, (uint8_t)*text >> 4, 16);
		to = text_put_number(to, end, *text & 15, 16);
	}
	return to;
}

static void write_log(const struct dune_frame *frame, long error,
		      const char *why, const char *what)
{
	char line[LINE], *to = line, *end = line + sizeof(line) - 1;

	to = text_put(to, end, "dune-sandbox[");
	to = text_put_number(to, end, CALL1(SYS_getpid, 0), 10);
	to = text_put(to, end, "]: ");
	to = put_call(to, end, frame);
	to = put_error(text_put(to, end, ": "), end, error);
	to = text_put(text_put(to, end, ": "), end, why);
	if (what)
		to = put_quoted(text_put(to, end, ": "), end, what);
	*to++ = '\n';
	CALL3(SYS_write, policy->log, line, to - line);
}

/* The end, by a signal that no handler of ring 3's gets to see. */
static void end_by_sigsys(void)
{
	static const uint64_t none, action[4];

	CALL4(SYS_rt_sigaction, SIGSYS, action, NULL, sizeof(none));
	CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	CALL3(SYS_tgkill, CALL1(SYS_getpid, 0), CALL1(SYS_gettid, 0), SIGSYS);
	for (;;)
		CALL1(SYS_exit_group, 128 + SIGSYS);
}

void learn_line(const char *keyword, const char *what)
{
	char line[LINE], *to = line, *end = line + sizeof(line) - 1;
	const char *c;

	if (!(policy->flags & POLICY_LEARN))
		return;
	/* it would be more than a line */
	for (c = what; *c; c++)
		if (*c == '\n' || *c == '\r')
			return;
	to = text_put(text_put(to, end, keyword), end, " ");
	to = text_put(to, end, what);
	*to++ = '\n';
	CALL3(SYS_write, policy->learned, line, to - line);
}

void learn_path(unsigned int rights, const char *path)
{
	if (rights & RIGHT_WRITE)
		learn_line("write", path);
	else if (rights & RIGHT_EXECUTE)
		learn_line("exec", path);
	else
		learn_line("read", path);
}

/**
 * refuse() - refuse a call of ring 3
 * @frame: the call
 * @error: what ring 3 is to get, positive
 * @why: for people
 * @what: it is about, or NULL
 *
 * Return: the error, negative; 0 when it is to be made nevertheless.
 */
long refuse(const struct dune_frame *frame, long error, const char *why,
	    const char *what)
{
	if (policy->flags & POLICY_STATS && frame->rax < SYSCALLS)
		__atomic_add_fetch(&shared->refused[frame->rax], 1,
				   __ATOMIC_RELAXED);
	if (policy->log >= 0)
		write_log(frame, error, why, what);
	if (policy->flags & POLICY_LEARN)
		return 0;
	/* what is hidden is nothing that is there to be refused */
	if (policy->flags & POLICY_KILL && error != ENOENT)
		end_by_sigsys();
	return -error;
}
