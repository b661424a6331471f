// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Policies: a line says what is allowed, and an option of the command the same.
 * dune-sandbox(1) has the grammar.
 */
#include "parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

static const char *parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 10);
	if (end == text || errno || *text == '-' || !*size)
		return "no size";
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		unsigned int shift = 10 * (unit - units + 1);

		if (*size >> (64 - shift))
			return "too large";
		*size <<= shift;
		end++;
	}
	return *end ? "no size: a number, and K, M, G or T" : NULL;
}

static const char *parse_number(const char *text, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || !value || value > 1000000)
		return "no number from 1 to 1000000";
	*number = value;
	return NULL;
}

static const char *put_address(struct policy *policy, const char *machine,
			       uint8_t bits, uint16_t port)
{
	struct address *address = &policy->addresses[policy->address_count];
	char mapped[INET6_ADDRSTRLEN + 8];

	if (policy->address_count == ADDRESSES)
		return "too many addresses";
	address->bits = bits;
	address->port = port;
	if (inet_pton(AF_INET6, machine, &address->in6) != 1) {
		snprintf(mapped, sizeof(mapped), "::ffff:%s", machine);
		if (inet_pton(AF_INET6, mapped, &address->in6) != 1)
			return "no address";
	}
	policy->address_count++;
	return NULL;
}

static const char *parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || !value || value > 65535)
		return "no port from 1 to 65535";
	*port = value;
	return NULL;
}

/* "1.2.3.4:80", "[::1]:80", ":80" for any machine, without a port for any. */
static const char *parse_address(struct policy *policy, const char *text)
{
	char machine[INET6_ADDRSTRLEN];
	const char *end = strrchr(text, ':'), *why;
	uint16_t port = 0;
	size_t length;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return "no address";
		length = end++ - text;
	} else {
		/* one of IPv6 without brackets has no port */
		if (end && strchr(text, ':') != end)
			end = NULL;
		length = end ? (size_t)(end - text) : strlen(text);
	}
	if (length >= sizeof(machine))
		return "no address";
	memcpy(machine, text, length);
	machine[length] = '\0';
	if (end && *end) {
		why = parse_port(end + 1, &port);
		if (why)
			return why;
	}
	if (!length || !strcmp(machine, "*"))
		return put_address(policy, "::", 0, port);
	return put_address(policy, machine, 128, port);
}

static const char *set_net(struct policy *policy, const char *text)
{
	if (!strcmp(text, "none")) {
		policy->address_count = 0;
		return NULL;
	}
	if (!strcmp(text, "all"))
		return put_address(policy, "::", 0, 0);
	if (!strcmp(text, "loopback"))
		return put_address(policy, "::1", 128, 0) ?:
		       put_address(policy, "127.0.0.0", 104, 0);
	return parse_address(policy, text);
}

static int find_call(const char *name)
{
	int i;

	for (i = 0; i < SYSCALLS; i++)
		if (calls[i].name && !strcmp(calls[i].name, name))
			return i;
	return -1;
}

static const char *set_call(struct policy *policy, const char *name,
			    enum verdict verdict)
{
	int nr = find_call(name);

	if (nr < 0)
		return "no such system call";
	if (verdict == ALLOWED && calls[nr].verdict != ALLOWED &&
	    !calls[nr].optional)
		return "this system call cannot be allowed: nobody looks at what it does";
	policy->verdicts[nr] = verdict;
	return NULL;
}

#define READ	(RIGHT_LOOK | RIGHT_READ)

static const struct {
	const char *keyword;
	unsigned int rights;
} kinds[] = {
	{ "read", READ },
	{ "write", READ | RIGHT_WRITE },
	{ "exec", READ | RIGHT_EXECUTE },
	{ "hide", RIGHT_HIDDEN },
};

/**
 * policy_add() - add what a line of a policy says
 * @policy: the policy
 * @setting: the line
 *
 * Return: NULL; or what is wrong with it.
 */
const char *policy_add(struct policy *policy, const struct setting *setting)
{
	const char *keyword = setting->keyword, *value = setting->value;
	size_t i;

	if (!strcmp(keyword, "kill")) {
		policy->flags |= POLICY_KILL;
		return value ? "takes no value" : NULL;
	}
	if (!value || !*value)
		return "a value is missing";
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(keyword, kinds[i].keyword))
			return add_rule(policy, value, kinds[i].rights, false);
	if (!strcmp(keyword, "net"))
		return set_net(policy, value);
	if (!strcmp(keyword, "env"))
		return add_variable(value);
	if (!strcmp(keyword, "max-mem"))
		return parse_size(value, &policy->max_memory);
	if (!strcmp(keyword, "max-procs"))
		return parse_number(value, &policy->max_processes);
	if (!strcmp(keyword, "allow"))
		return set_call(policy, value, ALLOWED);
	if (!strcmp(keyword, "deny"))
		return set_call(policy, value, REFUSED);
	return "no such keyword";
}

/* Cuts a line: "KEYWORD VALUE", where VALUE goes to the end of the line. */
static bool cut_line(char *line, struct setting *setting)
{
	char *end;

	line += strspn(line, " \t");
	end = line + strcspn(line, "\r\n");
	while (end > line && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	if (!*line || *line == '#')
		return false;
	setting->keyword = line;
	line += strcspn(line, " \t");
	setting->value = NULL;
	if (*line) {
		*line++ = '\0';
		setting->value = line + strspn(line, " \t");
	}
	return true;
}

/**
 * policy_read() - add what a file says
 * @policy: the policy
 * @path: of the file
 * @number: set to the line in which something is wrong, or 0
 *
 * Return: NULL; or what is wrong.
 */
const char *policy_read(struct policy *policy, const char *path,
			unsigned int *number)
{
	FILE *file = fopen(path, "re");
	const char *why = NULL;
	struct setting setting;
	char *line = NULL;
	size_t size = 0;

	*number = 0;
	if (!file)
		return strerror(errno);
	while (!why && getline(&line, &size, file) > 0) {
		++*number;
		if (!cut_line(line, &setting))
			continue;
		/* what is kept as it is, is kept for good */
		if (setting.value)
			setting.value = strdup(setting.value);
		why = policy_add(policy, &setting);
	}
	if (!why && ferror(file))
		why = strerror(EIO);
	if (!why)
		*number = 0;
	free(line);
	fclose(file);
	return why;
}

static const struct {
	unsigned int rights;
	const char *path;
} preset[] = {
	{ READ | RIGHT_EXECUTE, "/usr" },
	{ READ | RIGHT_EXECUTE, "/bin" },
	{ READ | RIGHT_EXECUTE, "/sbin" },
	{ READ | RIGHT_EXECUTE, "/lib" },
	{ READ | RIGHT_EXECUTE, "/lib64" },
	{ READ, "/etc/alternatives" },
	{ READ, "/etc/ca-certificates" },
	{ READ, "/etc/gai.conf" },
	{ READ, "/etc/group" },
	{ READ, "/etc/host.conf" },
	{ READ, "/etc/hosts" },
	{ READ, "/etc/inputrc" },
	{ READ, "/etc/ld.so.cache" },
	{ READ, "/etc/ld.so.preload" },
	{ READ, "/etc/locale.alias" },
	{ READ, "/etc/localtime" },
	{ READ, "/etc/mime.types" },
	{ READ, "/etc/nsswitch.conf" },
	{ READ, "/etc/passwd" },
	{ READ, "/etc/perl" },
	{ READ, "/etc/protocols" },
	{ READ, "/etc/python3.11" },
	{ READ, "/etc/resolv.conf" },
	{ READ, "/etc/services" },
	{ READ, "/etc/ssl/certs" },
	{ READ, "/etc/ssl/openssl.cnf" },
	{ READ, "/etc/terminfo" },
	{ READ, "/etc/timezone" },
	{ READ, "/proc/cpuinfo" },
	{ READ, "/proc/filesystems" },
	{ READ, "/proc/loadavg" },
	{ READ, "/proc/meminfo" },
	{ READ, "/proc/stat" },
	{ READ, "/proc/sys" },
	{ READ, "/proc/uptime" },
	{ READ, "/proc/version" },
	{ READ, "/sys/devices/system/cpu" },
	{ READ | RIGHT_WRITE, "/dev/full" },
	{ READ | RIGHT_WRITE, "/dev/null" },
	{ READ | RIGHT_WRITE, "/dev/ptmx" },
	{ READ | RIGHT_WRITE, "/dev/random" },
	{ READ | RIGHT_WRITE, "/dev/tty" },
	{ READ | RIGHT_WRITE, "/dev/urandom" },
	{ READ | RIGHT_WRITE, "/dev/zero" },
};

/* Links that lead to what a process has; each is followed as what it is. */
static const char *const links[] = {
	"/dev/fd", "/dev/stderr", "/dev/stdin", "/dev/stdout", "/etc/mtab",
	"/proc/mounts", "/proc/self", "/proc/thread-self",
};

/* What every program needs. Returns NULL, or what is wrong. */
const char *policy_preset(struct policy *policy)
{
	const char *why = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(preset) && !why; i++)
		if (!access(preset[i].path, F_OK))
			why = add_rule(policy, preset[i].path,
				       preset[i].rights, false);
	for (i = 0; i < ARRAY_SIZE(links) && !why; i++)
		why = add_link(policy, links[i]);
	return why;
}

void policy_begin(struct policy *policy)
{
	int i;

	for (i = 0; i < SYSCALLS; i++)
		policy->verdicts[i] = calls[i].verdict;
	policy->log = -1;
	policy->learned = -1;
	policy->filter = -1;
}
