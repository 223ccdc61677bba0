// Nslookup ends with 0 if the name is found through the pod's search list. Busybox's own ends with 1 as soon as one
// of the search domains does not know the name, and PyTorchJob's workers would wait for their master for ever.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	addresses, err := net.LookupHost(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(addresses)
}
