#include "private_key.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mistakes.h"
#include "suite.h"

/* Keys of nobody, made by ssh-keygen 9.2 for this test; the passphrase is "secret1". */
static const char plain_ed25519[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
	"QyNTUxOQAAACAXgmKSWe+Ihvbn+qvmmRgmd8s0BKPK9UnM6enLqlQUmwAAAJA0O9uSNDvb\n"
	"kgAAAAtzc2gtZWQyNTUxOQAAACAXgmKSWe+Ihvbn+qvmmRgmd8s0BKPK9UnM6enLqlQUmw\n"
	"AAAECzYHptZWm+Zu742GgUSAPHvlyFsjR6L0A4IfB3Kg9uXBeCYpJZ74iG9uf6q+aZGCZ3\n"
	"yzQEo8r1Sczp6cuqVBSbAAAAB2VkMjU1MTkBAgMEBQY=\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
static const char plain_ed25519_print[] = "SHA256:3ZvIfUN+YSenEPAtg/4VQqsEzjBI7Q8ldv9rfXDWZ9M";
static const char plain_ecdsa[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
	"1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQTYBcXeNJ7Bu7BkMiBV2ClJeJaRifbI\n"
	"6YTj7jbd8eYs3H7srNNxPcxEQzVbfZ8fGItcd/IIf0XS1HWIvpQjob7HAAAAoMyt8bXMrf\n"
	"G1AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNgFxd40nsG7sGQy\n"
	"IFXYKUl4lpGJ9sjphOPuNt3x5izcfuys03E9zERDNVt9nx8Yi1x38gh/RdLUdYi+lCOhvs\n"
	"cAAAAhAOerXympu3vGAZngF91UZE79YoxNe5vZ4vgkh5qOCdbTAAAABWVjZHNhAQI=\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
static const char plain_ecdsa_print[] = "SHA256:pwXtfiSNFIiWksCiP3IV5S55MFPaR5mcE6jXD/l6/Hs";
static const char encrypted_ed25519[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABA+XcVV9L\n"
	"xLIZ2NUIrYppddAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAINpy7pjHyEmA8RK/\n"
	"0sqyM7Rh8HVcsqR8jSHbapR/OKpFAAAAkDIa7g7Hgh3R5hsthooEDtI/0fM//kLWO74lgy\n"
	"FwKkCpJ1kjy6BezKs3tW/ZUeBPkhnNJHeqhLWubC03jBWHIPn0s6gYugQeN4iynkYlidsz\n"
	"j8usReGAeXsghNJVObR3sacUCjoKKp/ajjUeOCad7u7O1EJ2pPsvkR6HezCH2ai/0kL3JA\n"
	"sTQnrNLDqhK/k8tQ==\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
static const char encrypted_ed25519_print[] = "SHA256:P2fI6VlTOG7O5B6JnNF3p2UsWnkcsljZUR+uyZVs7JU";
static const char encrypted_ecdsa[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAYKbGznD\n"
	"xqAjR2J3Jw0ya3AAAAEAAAAAEAAABoAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlz\n"
	"dHAyNTYAAABBBJ7giPR62dIb14RVORCLai3OEA4/5dQQoGBzwAEnq8WCicFXkfcCIZ+41q\n"
	"rN67gPFSOOIr9wyeIv4hjYc9vcxH8AAACw6g+RjatR3i6WVCSz5yc7Zbw9Kv36YEsjyZMp\n"
	"g1/smd52yYWOsriYieGYLTjFjL/U4EXLK6YPDygWCWgbrPyYkxSLGM2TAa02iU2EianWwr\n"
	"9vEvwYIqSXjqDwlV1AkX5OAhTZ1GLSumSg0Q9VQf2k47l/jbZ4UJ3Gx1F/mJNFzoh5l2rZ\n"
	"3hl2toRYXPjrbxji7px7sDHnv9eWxYc6qFhqThrGsLj4w28ioZE1XjZn2Dc=\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
static const char encrypted_ecdsa_print[] = "SHA256:JhhopVfWR4KZpU8f61M2VCb+5m/ygUc2HiPJ4Gri/LU";
static const char by_gcm[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAAFmFlczI1Ni1nY21Ab3BlbnNzaC5jb20AAAAGYmNyeXB0AA\n"
	"AAGAAAABBFZ44T7BuRTRgx1IJZBq4NAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAA\n"
	"IAuKLcCvpwj0bgLWAEew9xfUABGaiRTCZ1HqGh/V97JWAAAAkH6GcPIL47a3PcaHsrpHG+\n"
	"tE26jzTmurO3ZP3MCLn8SMG5sW8E4IyyjCSx0J90/Itr4K+kLmgnLLF7fD32fH/3zs2C1q\n"
	"3yzB9kPTA751ji5fup5ITmbMyGBqwYQnqJ2hVjD9kEtzm3HVuEBt6yOQgjtwYO63zYBnkZ\n"
	"ngxW06J1FCx5F5PcfFEltiHWHBxe+ga8VOGzYhkjj39kHtjwKEzfs=\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
static const char by_chacha20[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAAHWNoYWNoYTIwLXBvbHkxMzA1QG9wZW5zc2guY29tAAAABm\n"
	"JjcnlwdAAAABgAAAAQIZbyrAeeYoqJOEvFq1GJIQAAABAAAAABAAAAMwAAAAtzc2gtZWQy\n"
	"NTUxOQAAACCY+o0vqYMd3okwMIJZOttLkGbl9nuuOxJT1K+W+oP7xgAAAIhUzOLeK+EIS9\n"
	"0jIYNGgK9+nwMXgozWllubQE8LGRaP2tonAWvCCe3ACvqs/wSmxsWkNYUICLlA3TyDDQ8a\n"
	"c04Gw+5fDCeLjlyCotTCVilP1nIMxHwPOMqJGQVND8XhQFRM4EA5iAm9ho9BBk1r7xujBm\n"
	"sGnKqBAw1cHvBvyuHOh+zYRj6IbnapUFet5+IheZujxvPzbWd7Hw==\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
static const char plain_rsa[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAlwAAAAdzc2gtcn\n"
	"NhAAAAAwEAAQAAAIEAwIOB7xTm88zdP0eXpSxJWOo2eYEKDD6gUyoEGRdNZzV6X/1sTUHu\n"
	"75dMPbzhdREEUuKhoZIJkU75oJG4iSx6Ewq4tpjT7eCsNHVoacE2wL+bP1WJITwURKkimt\n"
	"vebLJCtnEPZiPzncTLFe0FucxRLQj3ImtkQsPKSlRqgToiJwMAAAH4aKDlp2ig5acAAAAH\n"
	"c3NoLXJzYQAAAIEAwIOB7xTm88zdP0eXpSxJWOo2eYEKDD6gUyoEGRdNZzV6X/1sTUHu75\n"
	"dMPbzhdREEUuKhoZIJkU75oJG4iSx6Ewq4tpjT7eCsNHVoacE2wL+bP1WJITwURKkimtve\n"
	"bLJCtnEPZiPzncTLFe0FucxRLQj3ImtkQsPKSlRqgToiJwMAAAADAQABAAAAgF/YGTRif6\n"
	"kZcX0zs3f0WH//+yb663m1JDTDUk77nvmnUkm/7c945/A4ryh9hPG3iyOI2VeLUWAapYUf\n"
	"h3QjxJIhUlIvsPnPJQNQyAycsW11i0Rgl3wd6V8E12hDWI0o+fTodXPMuPOWR5Dt4NjY1J\n"
	"/jSISB8YKwedtx/lndP1thAAAAQQCgqg/HrnV2MbJ17sjXPfNqe5+A38xQWUEU/W6Y62ZP\n"
	"0F/s/gt+0mF6Ax/TBYbkTYQKGfb9ZWP7+as+e5znnn5ZAAAAQQDfaSxRWQ4AL28dZhQCDf\n"
	"uqO9yWGcVc6lxI1nCaAv6tiJy7zfh4FtGQqncjvHrqEHJTkZo0neWnBZRglBYVJPf3AAAA\n"
	"QQDcmIscXWShcizVnPwbodUxDDPsgO2r1sucaQ+nQLPF9zjKa9uPtH+Bxz6dNXvRi4MQuJ\n"
	"t+8ULD+oDyKP2+Ij5VAAAAAXgB\n"
	"-----END OPENSSH PRIVATE KEY-----\n";

static char path[32];

static void write_file(const char *text, size_t len)
{
	int fd = mkstemp(strcpy(path, "/tmp/spore-unit-XXXXXX"));

	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

/* True: the file with this text holds a key with this fingerprint. */
static bool reads(const char *text, size_t len, const char *passphrase, const char *fingerprint)
{
	spore_create_args args = { .struct_size = sizeof args, .report = mistakes_report };
	char found[KEY_FINGERPRINT_TEXT];
	struct key key;
	bool good;

	write_file(text, len);
	good = private_key_read(&key, &args, path, spore_cstr(passphrase));
	ck_assert(good == (n_mistakes == 0));
	if (good) {
		key_print_fingerprint(key.fingerprint, found);
		ck_assert_str_eq(found, fingerprint);
	}
	key_fini(&key);
	unlink(path);
	return good;
}

static bool reads_text(const char *text, const char *passphrase, const char *fingerprint)
{
	return reads(text, strlen(text), passphrase, fingerprint);
}

START_TEST(keys_of_ssh_keygen)
{
	ck_assert(reads_text(plain_ed25519, "", plain_ed25519_print));
	ck_assert(reads_text(plain_ed25519, "needless", plain_ed25519_print));
	ck_assert(reads_text(plain_ecdsa, "", plain_ecdsa_print));
	ck_assert(reads_text(encrypted_ed25519, "secret1", encrypted_ed25519_print));
	ck_assert(reads_text(encrypted_ecdsa, "secret1", encrypted_ecdsa_print));
}
END_TEST

START_TEST(passphrases)
{
	ck_assert(!reads_text(encrypted_ed25519, "", ""));
	mistakes_expect("/keyfile: the private key in /tmp/");
	ck_assert(!reads_text(encrypted_ed25519, "secret2", ""));
	mistakes_expect("/key_passphrase: the passphrase does not open the private key in /tmp/");
	ck_assert(!reads_text(encrypted_ecdsa, "secret", ""));
	mistakes_expect("/key_passphrase: the passphrase does not open the private key in /tmp/");
}
END_TEST

/* libssh would crash on them. */
START_TEST(ciphers_that_cannot_be_decrypted)
{
	static const char *const texts[] = { by_gcm, by_chacha20 };
	static const char *const tried[] = { "secret1", "wrong", "" };
	static const char *const told[] = { " is encrypted by aes256-gcm@openssh.com, ",
		                            " is encrypted by chacha20-poly1305@openssh.com, " };

	for (size_t i = 0; i < 6; i++) {
		ck_assert(!reads_text(texts[i % 2], tried[i / 2], ""));
		ck_assert_ptr_nonnull(strstr(mistakes, told[i % 2]));
		ck_assert_ptr_nonnull(
			strstr(mistakes, "`ssh-keygen -p -Z aes256-ctr -f /tmp/spore-unit-"));
		mistakes_expect("/keyfile: the private key in /tmp/");
	}
}
END_TEST

/* Writes the pair in PEM and reads it again. */
static void check_pem(EVP_PKEY *pair, const char *passphrase, bool is_ours)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char print[KEY_FINGERPRINT_TEXT] = "", *text;
	struct key key;
	size_t len;

	ck_assert_ptr_nonnull(pair);
	ck_assert_int_eq(
		PEM_write_bio_PKCS8PrivateKey(bio, pair, *passphrase ? EVP_aes_256_cbc() : NULL,
	                                      passphrase, (int)strlen(passphrase), NULL, NULL),
		1);
	len = (size_t)BIO_get_mem_data(bio, &text);
	ck_assert(key_take(&key, pair) == is_ours);
	if (is_ours)
		key_print_fingerprint(key.fingerprint, print);
	ck_assert(reads(text, len, passphrase, print) == is_ours);
	if (!is_ours)
		mistakes_expect("/keyfile: expected an Ed25519 or ECDSA P-256 key in /tmp/");
	if (is_ours && *passphrase) {
		ck_assert(!reads(text, len, "wrong", ""));
		mistakes_expect("/key_passphrase: the passphrase does not open");
		ck_assert(!reads(text, len, "", ""));
		mistakes_expect("/keyfile: the private key in /tmp/");
	}
	BIO_free(bio);
	EVP_PKEY_free(pair);
}

START_TEST(keys_in_pem)
{
	check_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "", true);
	check_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "secret", true);
	check_pem(EVP_EC_gen("P-256"), "", true);
	check_pem(EVP_EC_gen("P-256"), "secret", true);
	check_pem(EVP_EC_gen("P-384"), "", false);
}
END_TEST

START_TEST(what_is_no_key)
{
	ck_assert(!reads_text("", "", ""));
	mistakes_expect("/keyfile: expected a private key in PEM or OpenSSH form in /tmp/");
	ck_assert(!reads_text("ssh-ed25519 AAAA alice\n", "", ""));
	ck_assert_ptr_nonnull(strstr(mistakes, ", found a public key\n"));
	mistakes_clear();
	ck_assert(!reads_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n", "", ""));
	mistakes_expect("/keyfile: expected a private key in PEM or OpenSSH form in /tmp/");
	ck_assert(!reads_text(plain_rsa, "", ""));
	mistakes_expect("/keyfile: expected an Ed25519 or ECDSA P-256 key in /tmp/");
}
END_TEST

/* A changed byte never gives another key; most make the key unreadable. */
START_TEST(broken_keys)
{
	char text[sizeof plain_ecdsa];
	unsigned broken = 0;

	for (size_t i = 40; i < sizeof plain_ecdsa - 40; i += 3) {
		memcpy(text, plain_ecdsa, sizeof text);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		broken += !reads_text(text, "", plain_ecdsa_print);
		mistakes_clear();
	}
	ck_assert_uint_ge(broken, 60);
}
END_TEST

SUITE("private_key", keys_of_ssh_keygen, passphrases, ciphers_that_cannot_be_decrypted, keys_in_pem,
      what_is_no_key, broken_keys)
