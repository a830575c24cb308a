/* hashes - cheap hashes of the password "correct", made by htpasswd and mkpasswd, for tests. */
#ifndef UNIT_HASHES_H
#define UNIT_HASHES_H

#define HASHES_BCRYPT   "$2y$04$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK"
#define HASHES_YESCRYPT "$y$j75$xiSlNbGQH2ccSpDCfNUp90$Hux11P6QZoDHrIG2C7XT7gcNeCOWCCvohPoCcDsdTk4"
#define HASHES_SHA512                                                                              \
	"$6$rounds=1000$ed63TjknxCOrmcEt$hUZtcYYMCBpfi9pNY.7rz."                                   \
	"SR5OQaMykc4fGqPCpsRDI8QNTNZYfka7zrbWnT9VKpGZjTHwAQTtvT5jeWx8T5k/"
/* Without rounds=, which stands for 5000. */
#define HASHES_SHA512_PLAIN                                                                        \
	"$6$QoJtANvT/6n5ZRne$aAd451GWYar0HyHhAeIer35FYrz67fKBrMUBrC65ZJPXuniHzII/"                 \
	".Vc8Afnb4VHqFygH9D3g4hRIlB9c4mw9b/"
/* Of the password "other". */
#define HASHES_OTHER "$2y$04$YAITmzzAKpF8OGl4fGaUB.59BgacMAH/Pj9cJajUBiBGUxVGiA2ai"

#endif
