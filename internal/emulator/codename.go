package emulator

import (
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
)

// codeName is a gRPC code as the API writes it: INVALID_ARGUMENT, and OK.
func codeName(c codes.Code) string {
	if name, ok := code.Code_name[int32(c)]; ok { //nolint:gosec // there are 17 codes
		return name
	}
	return code.Code_UNKNOWN.String()
}
