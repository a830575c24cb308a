#include "show/human.h"

#include <stdio.h>

void human_bytes(double bytes, char out[HUMAN_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, HUMAN_SIZE, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

void human_age(double ms, char out[HUMAN_SIZE])
{
	long long s = (long long)(ms / 1000);

	if (s < 60)
		snprintf(out, HUMAN_SIZE, "%llds", s);
	else if (s < 3600)
		snprintf(out, HUMAN_SIZE, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, HUMAN_SIZE, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, HUMAN_SIZE, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}
