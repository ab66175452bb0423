package mfa

import (
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

const testSeed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

// TestRFC6238 uses the vectors of https://www.rfc-editor.org/rfc/rfc6238#appendix-B, cut to six
// digits.
func TestRFC6238(t *testing.T) {
	seed, err := ParseSeed(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924",
		2000000000: "279037", 20000000000: "353130",
	} {
		if got, err := seed.code(stepOf(time.Unix(at, 0))); err != nil || string(got.Secret) != want {
			t.Errorf("at %d: %s, %v; want %s", at, string(got.Secret), err, want)
		}
	}
}

func TestCodesAgreeWithReference(t *testing.T) {
	seed, err := ParseSeed(testSeed)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		at := time.Unix(int64(n)*123457, 0)
		want, err := totp.GenerateCode(testSeed, at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := seed.code(stepOf(at)); err != nil || string(got.Secret) != want {
			t.Errorf("at %v: %s, %v; want %s", at, string(got.Secret), err, want)
		}
	}
}

func TestParseSeed(t *testing.T) {
	const uri = "otpauth://totp/Amazon%20Web%20Services:jill@123456789012?secret=" + testSeed
	for name, test := range map[string]struct{ text, want string }{ // want is part of the error
		"base32":             {testSeed, ""},
		"lower case":         {strings.ToLower(testSeed), ""},
		"in groups":          {" JBSW Y3DP EHPK 3PXP-JBSWY3DPEHPK3PXP\n", ""},
		"padded":             {testSeed + "====", ""},
		"URI":                {uri + "&issuer=Amazon%20Web%20Services", ""},
		"URI with defaults":  {"OTPAUTH" + uri[7:] + "&algorithm=sha1&digits=6&period=30", ""},
		"empty":              {"\n", "seed is empty"},
		"short":              {"JBSWY3DPEHPK3PX", "the seed has 9 bytes"},
		"long":               {strings.Repeat("A", 300), "the seed has 187 bytes"},
		"invalid character":  {testSeed + "8", "not base32"},
		"code":               {"123456", "not base32"},
		"control character":  {testSeed + "\x1b", "not base32"},
		"URI without seed":   {"otpauth://totp/x", "seed is empty"},
		"HOTP URI":           {strings.Replace(uri, "totp", "hotp", 1), "is not for TOTP"},
		"URI with 8 digits":  {uri + "&digits=8", "does not have digits=6"},
		"URI with SHA-256":   {uri + "&algorithm=SHA256", "does not have algorithm=SHA1"},
		"URI with 60 s":      {uri + "&period=60", "does not have period=30"},
		"invalid URI":        {"otpauth://totp/%zz?secret=" + testSeed, "is not valid"},
		"URI, invalid query": {uri + "&x=%zz", "is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			seed, err := ParseSeed(test.text)
			if test.want == "" {
				if err != nil || string(seed.Secret) != testSeed {
					t.Errorf("%s, %v", string(seed.Secret), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) ||
				strings.Contains(err.Error(), "JBSW") {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

func TestSeedsAndCodesPrintRedacted(t *testing.T) {
	seed, err := ParseSeed(testSeed)
	if err != nil {
		t.Fatal(err)
	}
	code, ok := parseCode("123456")
	if !ok {
		t.Fatal("123456 is a code")
	}
	inJSON, err := json.Marshal([]any{seed, code})
	if err != nil {
		t.Fatal(err)
	}
	const verbs = "%s %v %+v %#v %q %x %d"
	for _, text := range []string{
		fmt.Sprint(seed, code, &seed, &code),
		fmt.Sprintf(verbs, seed, seed, seed, seed, seed, seed, seed),
		fmt.Sprintf(verbs, code, code, code, code, code, code, code),
		fmt.Sprintf("%+v", []any{struct{ C Code }{code}}),
		string(inJSON),
	} {
		if !strings.Contains(text, "***") {
			t.Error(text)
		}
		for _, secret := range []string{"123456", "JBSW", "4a425357"} {
			if strings.Contains(text, secret) {
				t.Error(text)
			}
		}
	}
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]bool{
		"123456": true, "000000": true, " 123 456\r\n": true, "1 2 3\t4 5 6": true,
		"123\u00a0456": true,
		"":             false, "12345": false, "1234567": false, "12345x": false, "123-456": false,
		"١٢٣٤٥٦": false, "123456\x00": false, "+12345": false,
	} {
		code, ok := parseCode(text)
		if ok != want || ok && len(code.Secret) != 6 {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

// FuzzParseSeed checks that a parsed seed survives a round trip, alone and in a URI, and that
// errors do not quote the text.
func FuzzParseSeed(f *testing.F) {
	for _, text := range []string{
		testSeed, "jbsw y3dp", "otpauth://totp/a?secret=" + testSeed, "otpauth://totp/%zz?digits=8",
		"otpauth:", "OTPAUTH://TOTP", "\xff==",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := ParseSeed(text)
		if err != nil {
			for word := range strings.FieldsSeq(text) {
				if len(word) > 12 && strings.Contains(err.Error(), word) {
					t.Errorf("%q: %v", text, err)
				}
			}
			return
		}
		secret := string(seed.Secret)
		for _, again := range []string{secret, "otpauth://totp/x?secret=" + secret} {
			if s, err := ParseSeed(again); err != nil || s != seed {
				t.Errorf("%q: %q differs: %v", text, again, err)
			}
		}
		want, err := totp.GenerateCode(secret, time.Unix(59, 0))
		if got, e := seed.code(1); err != nil || e != nil || string(got.Secret) != want {
			t.Errorf("%q: code %q, %v; want %q, %v", text, string(got.Secret), e, want, err)
		}
	})
}
