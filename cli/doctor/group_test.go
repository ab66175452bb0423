package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func keyIn(profile string) Finding {
	return Finding{
		Check: "long-term-keys", Severity: Warning, Profile: profile, Where: "/credentials:" + profile,
		What: "access key", Why: "it leaks",
		Fix: "sign in\n  aws login\nor\n  aws-credproc import " + profile,
	}
}

func TestGroupJoinsFindingsThatDifferInProfileAndPlace(t *testing.T) {
	other := keyIn("c")
	other.Why = "it leaks more"
	groups := Report{Findings: []Finding{keyIn("a"), other, keyIn("aws"), keyIn("b")}}.Group()
	want := []Group{{keyIn("a"), keyIn("b")}, {other}, {keyIn("aws")}}
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	fix := "sign in\n  aws login\nor\n  aws-credproc import a\n  aws-credproc import b"
	if got := strings.Join(groups[0].Fix(), "\n"); got != fix {
		t.Errorf("got %q", got)
	}
}

func TestGroupKeepsLinesApartThatBelongToOneProfile(t *testing.T) {
	a, b := keyIn("a"), keyIn("b")
	a.Fix = "change the line to\n  region = eu-west-1"
	b.Fix = "change the line to\n  region = us-east-1"
	if groups := (Report{Findings: []Finding{a, b}}).Group(); len(groups) != 2 {
		t.Errorf("got %v", groups)
	}
}

func TestGroupFixIsShort(t *testing.T) {
	var g Group
	for i := range 20 {
		g = append(g, keyIn(fmt.Sprintf("p%02d", i)))
	}
	got := strings.Join(g.Fix(), "\n")
	if !strings.HasSuffix(got, "\n  aws-credproc import p09\n  ...") {
		t.Errorf("got %q", got)
	}
}

func TestReplaceWordLeavesLongerWordsAlone(t *testing.T) {
	got := replaceWord("dev: device dev-role /dev/dev_2 dev", "dev", "X")
	if want := "X: device X-role /X/dev_2 X"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
