// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls with a list of buffers. Another thread could change the list while the
 * kernel reads it: so the kernel gets a copy, which has been looked at.
 */
#include "handlers.h"

#include <dune/page.h>

#include <errno.h>

static long look_at_part(struct iovec *part)
{
	if (part->iov_len > LONG_MAX)
		return -EINVAL;
	if (part->iov_len > IO_LIMIT)
		part->iov_len = IO_LIMIT;
	if (is_supervisors((uint64_t)part->iov_base, part->iov_len))
		return -EFAULT;
	return 0;
}

static struct iovec *room(struct parts *parts)
{
	size_t size = parts->count * sizeof(struct iovec);

	parts->page = NULL;
	if (parts->count <= FEW_PARTS)
		return parts->few;
	parts->page = size <= DUNE_PAGE_SIZE ? dune_page_alloc() :
					       dune_page_alloc_large();
	return parts->page;
}

/**
 * take_parts() - copy a list of buffers, and see that they are ring 3's
 * @parts: filled; to be put by put_parts() if there is no error
 * @from: where ring 3 has it
 * @count: how many, at most UIO_MAXIOV
 *
 * Return: 0 or a negative errno.
 */
long take_parts(struct parts *parts, uint64_t from, uint64_t count)
{
	uint64_t i;
	long err;

	if (count > UIO_MAXIOV)
		return -EINVAL;
	if (is_supervisors(from, 1))
		return -EFAULT;
	parts->count = count;
	parts->list = room(parts);
	if (!parts->list)
		return -ENOMEM;
	err = count ? copy_in(parts->list, from, count * sizeof(struct iovec)) :
		      0;
	for (i = 0; i < count && !err; i++)
		err = look_at_part(&parts->list[i]);
	if (err)
		put_parts(parts);
	return err;
}

/**
 * put_parts() - give back what take_parts() took
 * @parts: the copy
 */
void put_parts(struct parts *parts)
{
	if (parts->page)
		dune_page_put(parts->page);
}

/* All of these have list and count at the same place. */
long handle_iov(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	struct parts parts;
	long ret;

	ret = take_parts(&parts, argument(frame, 1), argument(frame, 2));
	if (ret)
		return ret;
	changed.rsi = (uint64_t)parts.list;
	ret = forward_changed(frame, &changed);
	put_parts(&parts);
	return ret;
}
