class Pump:
    def __init__(self): self.rest=b""
    def feed(self, data):
        data=self.rest+data
        i=data.rfind(b"\n")+1
        self.rest=data[i:]
        return data[:i]
    def flush(self):
        r,self.rest=self.rest,b""
        return r+b"\n" if r else b""
