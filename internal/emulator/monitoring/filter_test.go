package monitoring

import (
	"errors"
	"strings"
	"testing"
)

// fieldsOfOrders is the series that filters are held against.
func fieldsOfOrders(name string) string {
	return map[string]string{
		"metric.type":                       "pubsub.googleapis.com/subscription/ack_message_count",
		"metric.labels.delivery_type":       "pull",
		"resource.type":                     "pubsub_subscription",
		"resource.labels.project_id":        "shop",
		"resource.labels.subscription_id":   "orders-eu",
		"project":                           "shop",
		"metric.labels.with_quote":          `a"b\c`,
		"resource.labels.dotted.and-dashed": "x",
	}[name]
}

func TestFilterMatches(t *testing.T) {
	const yes, no = true, false
	const isPull, isPush = `metric.labels.delivery_type = "pull"`, `metric.labels.delivery_type = "push"`
	tests := map[string]struct {
		filter string
		want   bool
	}{
		"empty":                          {``, yes},
		"only spaces":                    {" \t\r\n", yes},
		"equal":                          {`resource.labels.subscription_id = "orders-eu"`, yes},
		"equal, other value":             {`resource.labels.subscription_id = "orders"`, no},
		"without spaces":                 {`resource.labels.subscription_id="orders-eu"`, yes},
		"single quotes":                  {`resource.labels.subscription_id = 'orders-eu'`, yes},
		"unquoted":                       {`resource.labels.subscription_id = orders-eu`, yes},
		"unquoted metric type":           {`metric.type = pubsub.googleapis.com/subscription/ack_message_count`, yes},
		"escapes":                        {`metric.labels.with_quote = "a\"b\\c"`, yes},
		"singular metric label":          {`metric.label.delivery_type = "pull"`, yes},
		"singular resource label":        {`resource.label.project_id = "shop"`, yes},
		"resource type":                  {`resource.type = "pubsub_topic"`, no},
		"project":                        {`project = "shop"`, yes},
		"label with dots and dashes":     {`resource.labels.dotted.and-dashed = "x"`, yes},
		"not equal":                      {`project != "shop"`, no},
		"not equal, other value":         {`project != "other"`, yes},
		"contains":                       {`project : "ho"`, yes},
		"contains not":                   {`project : "hi"`, no},
		"starts_with":                    {`resource.labels.subscription_id = starts_with("orders")`, yes},
		"starts_with, other":             {`resource.labels.subscription_id = starts_with("rders")`, no},
		"not starts_with":                {`resource.labels.subscription_id != starts_with("orders")`, no},
		"ends_with":                      {`resource.labels.subscription_id = ends_with("-eu")`, yes},
		"ends_with, other":               {`resource.labels.subscription_id = ends_with("orders")`, no},
		"has_substring":                  {`resource.labels.subscription_id = has_substring("ers-")`, yes},
		"has_substring, other":           {`resource.labels.subscription_id = has_substring("us")`, no},
		"one_of":                         {`resource.labels.subscription_id = one_of("a", "orders-eu")`, yes},
		"one_of with one":                {`resource.labels.subscription_id=one_of("orders-eu")`, yes},
		"one_of, other":                  {`resource.labels.subscription_id = one_of("a", "orders")`, no},
		"not one_of":                     {`resource.labels.subscription_id != one_of("a", "b")`, yes},
		"full_match":                     {`resource.labels.subscription_id = monitoring.regex.full_match("orders-(eu|us)")`, yes},
		"full_match matches the whole":   {`resource.labels.subscription_id = monitoring.regex.full_match("orders")`, no},
		"full_match of a choice":         {`resource.labels.subscription_id = monitoring.regex.full_match("x|orders")`, no},
		"and":                            {isPull + ` AND project = "shop"`, yes},
		"and, one does not hold":         {isPull + ` AND project = "other"`, no},
		"side by side means and":         {isPull + ` project = "other"`, no},
		"side by side, both hold":        {isPull + ` project = "shop"`, yes},
		"or":                             {isPush + ` OR project = "shop"`, yes},
		"or, none holds":                 {isPush + ` OR project = "other"`, no},
		"or binds tighter than and":      {isPull + ` OR ` + isPull + ` AND ` + isPush, no},
		"or binds tighter, second place": {isPull + ` AND ` + isPush + ` OR ` + isPull, yes},
		"parentheses":                    {isPull + ` OR (` + isPull + ` AND ` + isPush + `)`, yes},
		"not":                            {`NOT ` + isPush, yes},
		"minus":                          {`-` + isPull, no},
		"not of parentheses":             {`NOT (` + isPush + ` OR ` + isPull + `)`, no},
		"not binds tightest":             {`NOT ` + isPush + ` AND ` + isPull, yes},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := parseFilter(test.filter)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.matches(fieldsOfOrders); got != test.want {
				t.Errorf("%s matches: %t, want %t", test.filter, got, test.want)
			}
		})
	}
}

func TestBadFilterNamesThePlace(t *testing.T) {
	tests := map[string]struct {
		filter string
		at     string // What the error points at begins here.
		word   string // Part of the message.
	}{
		"unknown field":             {`project = "p" AND colour = "red"`, `colour`, `unknown field "colour"`},
		"label without a key":       {`metric.labels. = "x"`, `metric`, "unknown field"},
		"group":                     {`group.id = "x"`, `group`, "unknown field"},
		"no operator":               {`project "p"`, `"p"`, `expected =, != or :`},
		"quoted operator":           {`project "=" "p"`, `"="`, `expected =, != or :`},
		"less than":                 {`project < "p"`, `<`, `expected =, != or :`},
		"no value":                  {`project =`, ``, "expected a value after =, found the end"},
		"operator twice":            {`project = = "p"`, `= "p"`, "expected a value"},
		"open string":               {`project = "p`, `"p`, "not closed"},
		"open string after escape":  {`project = "p\"`, `"p`, "not closed"},
		"strange character":         {`project = §`, `§`, `unexpected '§'`},
		"open parenthesis":          {`(project = "p"`, ``, "expected a closing parenthesis"},
		"stray parenthesis":         {`project = "p")`, `)`, "expected AND, OR or the end"},
		"empty parentheses":         {`()`, `)`, "expected a field"},
		"and at the end":            {`project = "p" AND`, ``, "expected a field"},
		"or at the start":           {`OR project = "p"`, `OR`, "unknown field"},
		"value first":               {`"p" = project`, `"p"`, "expected a field"},
		"unknown function":          {`project = like("p")`, `like`, "unknown function like"},
		"function without argument": {`project = starts_with()`, `)`, "expected a quoted string"},
		"unquoted argument":         {`project = starts_with(p)`, `p)`, "expected a quoted string"},
		"too many arguments":        {`project = starts_with("a", "b")`, `starts_with`, "takes one string, not 2"},
		"missing comma":             {`project = one_of("a" "b")`, `"b"`, "expected a comma"},
		"open arguments":            {`project = one_of("a",`, ``, "expected a quoted string"},
		"function after a colon":    {`project : starts_with("a")`, `starts_with`, "not with a colon"},
		"bad expression":            {`project = monitoring.regex.full_match("(")`, `monitoring`, "not valid"},
		"expression that escapes":   {`project = monitoring.regex.full_match("a)|(b")`, `monitoring`, "not valid"},
		"nested too deep":           {strings.Repeat("(", 52), `(`, "deeper than 50"},
		"negated too deep":          {strings.Repeat("-", 52) + `project = "p"`, `-project`, "deeper than 50"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseFilter(test.filter)
			var at *filterError
			if !errors.As(err, &at) {
				t.Fatalf("error %v, want one that names the place", err)
			}
			if want := strings.LastIndex(test.filter, test.at); at.at != want {
				t.Errorf("the error is at %d (%q), want %d (%q)", at.at, test.filter[at.at:], want, test.at)
			}
			if !strings.Contains(err.Error(), test.word) {
				t.Errorf("error %q does not say %q", err, test.word)
			}
		})
	}
}

func TestFilterLengthIsBounded(t *testing.T) {
	fits := `project = "` + strings.Repeat("p", maxFilterLength-len(`project = ""`)) + `"`
	if _, err := parseFilter(fits); err != nil {
		t.Errorf("%d bytes: %v", len(fits), err)
	}
	if _, err := parseFilter(fits + " "); err == nil {
		t.Errorf("%d bytes are accepted", len(fits)+1)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		``, `project = "p"`, `metric.type = "pubsub.googleapis.com/topic/message_sizes" AND NOT (project != one_of("a","b") OR -project:"c")`,
		`resource.labels.x = monitoring.regex.full_match("a|b*")`, `project = "\"`, `((((`, `metric.label.a='b' resource.label.c=d`, `§`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		e, err := parseFilter(filter)
		if err != nil {
			var at *filterError
			if !errors.As(err, &at) || at.at < 0 || at.at > len(filter) {
				t.Fatalf("%q: error %v does not name a place in the filter", filter, err)
			}
			return
		}
		matched := e.matches(fieldsOfOrders)
		if matched == (not{e}).matches(fieldsOfOrders) {
			t.Fatalf("%q matches as well as its negation", filter)
		}
		if strings.TrimSpace(filter) == "" || strings.Count(filter, "(")+strings.Count(filter, "-")+strings.Count(filter, "NOT") > maxFilterDepth-2 {
			return // Nothing to put in parentheses, or perhaps too deep then.
		}
		if again, err := parseFilter("(" + filter + ")"); len(filter) < maxFilterLength-2 && (err != nil || again.matches(fieldsOfOrders) != matched) {
			t.Fatalf("%q means something else in parentheses: %v", filter, err)
		}
	})
}
