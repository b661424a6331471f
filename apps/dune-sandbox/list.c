// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Folders in which something is hidden: what the kernel lists comes to the
 * supervisor first, and goes on without that.
 */
#include "sandbox.h"

#include <errno.h>

#include "handlers.h"

#define LIST_SIZE	(32U << 10)

/* As the kernel has them; that of getdents() has no type before the name. */
struct entry {
	uint64_t inode, next;
	uint16_t length;
	char rest[];
};

static const char *name_in(const struct entry *entry, bool is_old)
{
	return entry->rest + (is_old ? 0 : 1);
}

static bool has_slash(const char *name)
{
	while (*name && *name != '/')
		name++;
	return *name;
}

/* The part of a hidden path that is in a folder, and no path itself. */
static const char *hidden_in(const struct rule *rule, const char *folder)
{
	const char *name;

	if (!(rule->rights & RIGHT_HIDDEN))
		return NULL;
	name = text_after(&policy->text[rule->path], folder);
	if (name && !text_equal(folder, "/"))
		name = text_after(name, "/");
	return name && *name && !has_slash(name) ? name : NULL;
}

static bool has_hidden(void)
{
	uint32_t i;

	for (i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].rights & RIGHT_HIDDEN)
			return true;
	return false;
}

/* Is something of that name, or of any, hidden in a folder? */
bool is_hidden(const char *folder, const char *name)
{
	const char *hidden;
	uint32_t i;

	for (i = 0; i < policy->rule_count; i++) {
		hidden = hidden_in(&policy->rules[i], folder);
		if (hidden && (!name || text_equal(hidden, name)))
			return true;
	}
	return false;
}

/* Returns how many bytes are left. */
static long leave_out(char *list, long size, const char *folder, bool is_old)
{
	const struct entry *entry;
	long from, to = 0, length;

	for (from = 0; from < size; from += length) {
		entry = (const struct entry *)(list + from);
		length = entry->length;
		if (is_hidden(folder, name_in(entry, is_old)))
			continue;
		memcpy(list + to, list + from, length);
		to += length;
	}
	return to;
}

static long list_some(struct dune_frame *frame, long fd, const char *folder,
		      char *list, uint64_t size)
{
	bool is_old = frame->rax == SYS_getdents;
	struct dune_frame changed;
	long got, left;

	do {
		changed = *frame;
		changed.rdi = fd;
		changed.rsi = (uint64_t)list;
		changed.rdx = size;
		got = forward_changed(frame, &changed);
		if (got <= 0)
			return got;
		left = leave_out(list, got, folder, is_old);
		/* nothing is what there is at the end */
	} while (!left);
	return copy_out(frame->rsi, list, left) ?: left;
}

/* getdents() and getdents64() */
long handle_list(struct dune_frame *frame)
{
	uint64_t size = (uint32_t)frame->rdx;
	struct dune_frame changed = *frame;
	char folder[PATH_MAX];
	long fd, ret;

	if (!has_hidden())
		return forward(frame);
	fd = pin_descriptor(frame->rdi);
	if (fd < 0)
		return fd;
	changed.rdi = fd;
	if (size > LIST_SIZE)
		size = LIST_SIZE;
	if (path_of(fd, folder, sizeof(folder)) || !is_hidden(folder, NULL))
		ret = forward_changed(frame, &changed);
	else
		ret = list_some(frame, fd, folder, __builtin_alloca(size),
				size);
	CALL1(SYS_close, fd);
	return ret;
}
