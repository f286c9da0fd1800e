package emulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"go.uber.org/zap"

	"spillway/internal/emulator/fault"
	"spillway/internal/emulator/monitoring"
)

// maxFaultsBody is how large a list of faults may be, in bytes.
const maxFaultsBody = 256 << 10

// adminFaults is what /admin/faults takes and gives. A list that is missing from a request stays as it is.
type adminFaults struct {
	Pubsub     *[]fault.Fault      `json:"pubsub,omitempty"`
	Monitoring *[]monitoring.Fault `json:"monitoring,omitempty"`
}

func listFaults(set *fault.Set, m *monitoring.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeFaults(w, set, m) })
}

func writeFaults(w http.ResponseWriter, set *fault.Set, m *monitoring.Server) {
	pubsub, metrics := set.List(), m.Faults()
	writeJSON(w, http.StatusOK, adminFaults{Pubsub: &pubsub, Monitoring: &metrics})
}

// replaceFaults puts the lists of a request in place of what is in force, and answers with what is in force then.
func replaceFaults(set *fault.Set, m *monitoring.Server, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := readFaults(http.MaxBytesReader(w, r.Body, maxFaultsBody))
		if err == nil && in.Monitoring != nil {
			err = m.SetFaults(*in.Monitoring...)
		}
		if err == nil && in.Pubsub != nil {
			err = set.Replace(*in.Pubsub...)
			log.Info("faults of pubsub are set", zap.Stringers("faults", set.List()))
		}
		if err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		writeFaults(w, set, m)
	})
}

func readFaults(body io.Reader) (in adminFaults, err error) {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return adminFaults{}, err
	}
	if in.Pubsub == nil && in.Monitoring == nil {
		return adminFaults{}, errors.New(`neither "pubsub" nor "monitoring" is given`)
	}
	return in, nil
}
